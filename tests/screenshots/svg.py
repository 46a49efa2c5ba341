"""Draws the screen of a terminal as SVG, for light and dark pages alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Optional
from xml.sax.saxutils import escape

# Of one character, in units of the picture, and around all of them.
WIDTH, HEIGHT = 8.4, 18
MARGIN = 14
_BASELINE = 13
# Several ordinary ones would be drawn as one.
_BLANK = "\N{NO-BREAK SPACE}"

# The eight colors of a terminal, then the text and the background; for a light and a dark page.
_NAMES = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white", "text", "page", "edge")
LIGHT = dict(
    zip(
        _NAMES,
        (
            *("#24292f", "#b3261e", "#1a7f37", "#8a5a00", "#0550ae", "#8250df", "#0b6b78", "#6e7781"),
            *("#24292f", "#ffffff", "#d0d7de"),
        ),
    )
)
DARK = dict(
    zip(
        _NAMES,
        (
            *("#484f58", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#b1bac4"),
            *("#e6edf3", "#0d1117", "#30363d"),
        ),
    )
)


class Cell(NamedTuple):
    """A character, the name of its color (None for the terminal's own), and how it is marked."""

    text: str
    color: Optional[str] = None
    bold: bool = False
    weak: bool = False


def draw(lines: Iterable[list[Cell]], columns: int, title: str, theme: str = "both") -> str:
    """Return the picture of `lines`; `theme` is `light`, `dark`, or `both` for one that follows its page."""
    shown = list(lines)
    width, height = columns * WIDTH + 2 * MARGIN, len(shown) * HEIGHT + 2 * MARGIN
    rows = [_row(line, MARGIN + number * HEIGHT) for number, line in enumerate(shown)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
            f'height="{height:g}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_style(theme)}</style>",
            f'<rect class="page" x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="6"/>',
            *itertools.chain.from_iterable(rows),
            "</svg>\n",
        ]
    )


def _style(theme: str) -> str:
    font = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace'
    common = f"text{{font:14px {font}}}.bold{{font-weight:bold}}.weak{{opacity:.65}}"
    if theme != "both":
        return common + _colors(LIGHT if theme == "light" else DARK)
    return f"{common}{_colors(LIGHT)}@media(prefers-color-scheme:dark){{{_colors(DARK)}}}"


def _colors(palette: dict[str, str]) -> str:
    page = f".page{{fill:{palette['page']};stroke:{palette['edge']}}}text{{fill:{palette['text']}}}"
    return page + "".join(f".{name}{{fill:{palette[name]}}}" for name in _NAMES[:8])


def _row(line: list[Cell], top: float) -> Iterator[str]:
    column = 0
    for (color, bold, weak), cells in itertools.groupby(line, key=lambda each: each[1:]):
        text = "".join(each.text for each in cells)
        stripped = text.strip(" ")
        shown = escape(stripped).replace(" ", _BLANK)
        if stripped:
            left = MARGIN + (column + len(text) - len(text.lstrip(" "))) * WIDTH
            names = " ".join(filter(None, (color, "bold" if bold else "", "weak" if weak else "")))
            marked = f' class="{names}"' if names else ""
            # So that columns stay columns in every font.
            size = f' textLength="{len(stripped) * WIDTH:g}" lengthAdjust="spacingAndGlyphs"'
            yield f'<text x="{left:g}" y="{top + _BASELINE:g}"{size}{marked}>{shown}</text>'
        column += len(text)
