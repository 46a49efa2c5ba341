"""A plot of the fleets as SVG text, legible on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 860, 380
_LEFT, _TOP, _PANEL_WIDTH, _PANEL_HEIGHT, _GAP = 70, 60, 320, 230, 110
# Legible on white and on black; lines differ by dashes and marks too.
_STYLES = (("#2f7ed8", ""), ("#2a9d5c", "7 4"), ("#d1711f", "2 4"), ("#b0508f", "9 3 2 3"), ("#888888", "1 5"))

Points = Sequence[tuple[float, float]]


def draw(title: str, panels: Sequence[tuple[str, str, Mapping[str, Points]]]) -> str:
    """Return panels side by side, each with a heading, the unit of its axis and its lines; all axes are logarithmic."""
    names = list(dict.fromkeys(name for _, _, lines in panels for name in lines))
    styles = dict(zip(names, _STYLES))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">',
        "<style>",
        "  .page { fill: #fff; } text { fill: #222; } .grid { stroke: #ddd; } .axis { stroke: #667; }",
        "  @media (prefers-color-scheme: dark) {",
        "    .page { fill: #16191d; } text { fill: #e6e6e6; } .grid { stroke: #3a3f46; } .axis { stroke: #aab; }",
        "  }",
        "  .heading { font-weight: bold; font-size: 13px; } .line { fill: none; stroke-width: 2.2; }",
        "</style>",
        f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}"/>',
    ]
    for number, (heading, unit, lines) in enumerate(panels):
        parts += _panel(_LEFT + number * (_PANEL_WIDTH + _GAP), heading, unit, lines, styles)
    for number, (name, (color, dashes)) in enumerate(styles.items()):
        x, y = _LEFT + 155 * number, _HEIGHT - 16
        parts.append(f'<path class="line" stroke="{color}" stroke-dasharray="{dashes}" d="M{x} {y - 4}h34"/>')
        parts.append(f'<text x="{x + 42}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    left: int, heading: str, unit: str, lines: Mapping[str, Points], styles: Mapping[str, tuple[str, str]]
) -> list[str]:
    everything = [point for points in lines.values() for point in points]
    x_low, x_high = _decades([x for x, _ in everything])
    y_low, y_high = _decades([y for _, y in everything])

    def across(x: float) -> float:
        return left + _PANEL_WIDTH * (math.log10(x) - x_low) / (x_high - x_low)

    def down(y: float) -> float:
        return _TOP + _PANEL_HEIGHT * (y_high - math.log10(y)) / (y_high - y_low)

    bottom = _TOP + _PANEL_HEIGHT
    parts = [f'<text class="heading" x="{left}" y="{_TOP - 30}">{escape(heading)}</text>']
    parts.append(f'<text x="{left}" y="{_TOP - 12}">{escape(unit)}</text>')
    for power in range(x_low, x_high + 1):
        x = across(10.0**power)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{10**power:,}</text>')
    for power in range(y_low, y_high + 1):
        y = down(10.0**power)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{left + _PANEL_WIDTH}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>')
    parts.append(f'<path class="axis" fill="none" d="M{left} {_TOP}V{bottom}H{left + _PANEL_WIDTH}"/>')
    middle = left + _PANEL_WIDTH / 2
    parts.append(f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle">instances that start at once</text>')
    for name, points in lines.items():
        color, dashes = styles[name]
        path = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in points)
        parts.append(f'<path class="line" stroke="{color}" stroke-dasharray="{dashes}" d="M{path}"/>')
        parts += [f'<circle fill="{color}" cx="{across(x):.1f}" cy="{down(y):.1f}" r="3"/>' for x, y in points]
    return parts


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)
