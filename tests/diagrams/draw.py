"""Draws a diagram as SVG, for light and dark pages alike."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from teleport_bootstrap import port_table
from tests.diagrams.source import Box, Diagram, Link

_MARGIN, _TITLE, _LINE = 12, 20, 17
# Of a character of an ordinary sans-serif font: of titles, of lines, and of labels, which have more capitals.
_TITLE_WIDTH, _TEXT_WIDTH, _LABEL_WIDTH = 7.4, 6.5, 7
_FONT = 'system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif'

LIGHT = {
    "page": "#ffffff",
    "edge": "#d0d7de",
    "text": "#1f2328",
    "weak": "#57606a",
    "line": "#57606a",
    "outside": "#f6f8fa",
    "balancer": "#fff1d6",
    "host": "#ddf0ff",
    "service": "#e3f5e1",
}
DARK = {
    "page": "#0d1117",
    "edge": "#484f58",
    "text": "#e6edf3",
    "weak": "#b1bac4",
    "line": "#b1bac4",
    "outside": "#21262d",
    "balancer": "#4a3510",
    "host": "#12365c",
    "service": "#163d22",
}
_FILLED = ("outside", "balancer", "host", "service")


def draw(diagram: Diagram, theme: str = "both") -> str:
    """Return the picture; `theme` is `light`, `dark`, or `both` for one that follows its page."""
    width, height = diagram.size
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-label={quoteattr(diagram.title)}>',
            f"<title>{escape(diagram.title)}</title>",
            f"<style>{_style(theme)}</style>",
            '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto"><path class="head" d="M0 0L10 5L0 10z"/></marker></defs>',
            f'<rect class="page" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6"/>',
            *(part for box in diagram.boxes.values() for part in _box(box)),
            *(_line(link) for link in diagram.links),
            *(part for link in diagram.links for part in _label(link, diagram.words)),
            "</svg>\n",
        ]
    )


def too_wide(diagram: Diagram) -> Iterator[str]:
    """Yield texts that do not fit into their boxes."""
    for box in diagram.boxes.values():
        room = box.at[2] - 2 * _MARGIN
        if len(box.title) * _TITLE_WIDTH > room:
            yield box.title
        yield from (line for line in box.lines if len(line) * _TEXT_WIDTH > room)
        if box.kind != "frame" and _MARGIN + _TITLE + len(box.lines) * _LINE > box.at[3]:
            yield f"{box.title}: {len(box.lines)} lines"


def _style(theme: str) -> str:
    common = f"text{{font:12px {_FONT}}}.name{{font-weight:600;font-size:13px}}.line{{fill:none;stroke-width:1.4}}"
    if theme != "both":
        return common + _colors(LIGHT if theme == "light" else DARK)
    return f"{common}{_colors(LIGHT)}@media(prefers-color-scheme:dark){{{_colors(DARK)}}}"


def _colors(palette: dict[str, str]) -> str:
    parts = [
        f".page{{fill:{palette['page']};stroke:{palette['edge']}}}",
        f"text{{fill:{palette['text']}}}.weak{{fill:{palette['weak']}}}",
        f".line{{stroke:{palette['line']}}}.head{{fill:{palette['line']}}}.behind{{fill:{palette['page']}}}",
        f".frame{{fill:none;stroke:{palette['weak']};stroke-dasharray:6 4}}",
        *(f".{kind}{{fill:{palette[kind]};stroke:{palette['weak']}}}" for kind in _FILLED),
    ]
    return "".join(parts)


def _box(box: Box) -> Iterator[str]:
    left, top, width, height = box.at
    yield f'<rect class="{box.kind}" x="{left}" y="{top}" width="{width}" height="{height}" rx="5"/>'
    x = left + _MARGIN
    yield f'<text class="name" x="{x}" y="{top + _TITLE}">{escape(box.title)}</text>'
    for number, line in enumerate(box.lines, 1):
        yield f'<text class="weak" x="{x}" y="{top + _TITLE + number * _LINE}">{escape(_kept(line))}</text>'


def _kept(line: str) -> str:
    """Return the line with the blanks at its beginning, which would not be drawn."""
    return "\N{NO-BREAK SPACE}" * (len(line) - len(line.lstrip())) + line.lstrip()


def _line(link: Link) -> str:
    points = " L".join(f"{x} {y}" for x, y in link.path)
    return f'<path class="line" d="M{points}" marker-end="url(#arrow)"/>'


def _label(link: Link, words: dict[str, str]) -> Iterator[str]:
    if link.label is None:
        return
    x, y = link.label
    texts = [f"{getattr(port_table, name)} {words[name]}" for name in link.ports]
    width = max(map(len, texts)) * _LABEL_WIDTH + 6
    yield f'<rect class="behind" x="{x - 3}" y="{y - 12}" width="{width:g}" height="{len(texts) * 15 + 2}"/>'
    for number, text in enumerate(texts):
        yield f'<text x="{x}" y="{y + number * 15}">{escape(text)}</text>'
