"""A terminal as something to show text on: how wide it is, and with what it marks text.

The marks come from the terminal's own description in terminfo, which every distribution has, through Python's `curses`.
They are colors of the terminal's own palette, which its user has chosen to be readable, so that they suit light and
dark backgrounds. Whatever they say, the words say too.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Mapping

from teleport_bootstrap import regex
from teleport_bootstrap.hints import TextIO
from teleport_bootstrap.records import dataclass, field

USUAL_COLUMNS, USUAL_ROWS = 80, 24
# Narrower ones wrap by themselves.
FEWEST_COLUMNS = 40

# The styles, and for each a color of terminfo's eight (None for the terminal's own) and whether it is bold.
GOOD, WARNING, BAD, DANGER, ADDED, REMOVED, COMMAND, STRONG, WEAK = range(9)
_RED, _GREEN, _YELLOW, _CYAN = 1, 2, 3, 6
_STYLES = {
    GOOD: (_GREEN, True),
    WARNING: (_YELLOW, True),
    BAD: (_RED, True),
    DANGER: (_RED, True),
    ADDED: (_GREEN, False),
    REMOVED: (_RED, False),
    COMMAND: (_CYAN, False),
    STRONG: (None, True),
    WEAK: (None, False),
}
# Terminals that are like xterm, and of which many servers have no description.
_LIKE_XTERM = ("xterm", "alacritty", "foot", "wezterm", "rio", "vte", "st-")
# A pause that a terminal of the 1970s needs.
_PADDING = regex.compile(rb"\$<[0-9.*/]{1,9}>")


@dataclass(frozen=True)
class Screen:
    """A terminal with this many columns; `marks` are what it begins a style with, and `end` ends each of them.

    Without `marks`, there is no color: the operator has set NO_COLOR, or nothing is known of the terminal.
    """

    columns: int = USUAL_COLUMNS
    marks: Mapping[int, str] = field(default_factory=dict)
    end: str = ""

    def paint(self, style: int | None, text: str) -> str:
        """Return `text` in a style; None leaves it as it is."""
        mark = self.marks.get(style, "") if style is not None else ""
        return f"{mark}{text}{self.end}" if mark and text else text


@dataclass(frozen=True)
class Moves:
    """What moves the cursor home, clears the rest of a line and of the screen, and changes to a screen and back."""

    home: str
    clear_line: str
    clear_below: str
    begin: str
    end: str


def screen(stream: TextIO) -> Screen | None:
    """Return the terminal that `stream` leads to; None for a file, a pipe, and a terminal that calls itself dumb."""
    name = os.environ.get("TERM", "")
    try:
        if name in ("", "dumb") or not stream.isatty():
            return None
        columns = os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS
    except (OSError, ValueError):  # closed, or not a file
        return None
    marks, end = ({}, "") if os.environ.get("NO_COLOR") else _marks(name, stream.fileno())
    return Screen(max(columns, FEWEST_COLUMNS), marks, end)


def rows(stream: TextIO) -> int:
    """Return how many lines the terminal `stream` has."""
    try:
        return max(os.get_terminal_size(stream.fileno()).lines, 2)
    except OSError:  # it is gone
        return USUAL_ROWS


def moves(stream: TextIO) -> Moves | None:
    """Return how the cursor of the terminal `stream` is moved; None where that is not known."""
    capability = _description(os.environ.get("TERM", ""), stream.fileno())
    if capability is None:
        return None
    home, clear_line, clear_below = (capability(each) for each in ("home", "el", "ed"))
    if not (home and clear_line and clear_below):
        return None
    return Moves(
        home,
        clear_line,
        clear_below,
        capability("smcup") + capability("civis"),
        capability("cnorm") + capability("rmcup"),
    )


@functools.lru_cache(maxsize=2)
def _marks(name: str, descriptor: int) -> tuple[Mapping[int, str], str]:
    """Return the marks of a terminal, and what ends each of them; none where it has no colors."""
    capability = _description(name, descriptor)
    if capability is None or not capability("setaf") or not capability("sgr0"):
        return {}, ""
    bold, weak = capability("bold"), capability("dim")
    found = {
        style: (capability("setaf", color) if color is not None else "") + (bold if is_bold else "")
        for style, (color, is_bold) in _STYLES.items()
    }
    return {**found, WEAK: weak}, capability("sgr0")


class _Capabilities:
    """What the description of a terminal says."""

    def __init__(self, curses: object) -> None:
        self._curses = curses

    def __call__(self, name: str, *numbers: int) -> str:
        """Return a sequence by its name in terminfo, empty where the terminal has none."""
        sequence = self._curses.tigetstr(name)  # type: ignore[attr-defined]
        if not sequence:
            return ""
        if numbers:
            sequence = self._curses.tparm(sequence, *numbers)  # type: ignore[attr-defined]
        return _PADDING.sub(b"", sequence).decode("ascii", "ignore")


@functools.lru_cache(maxsize=2)
def _description(name: str, descriptor: int) -> _Capabilities | None:
    try:
        # Only for a terminal; and a minimal Python may be without it.
        import curses  # noqa: PLC0415
    except ImportError:
        return None
    for each in (name, *(["xterm"] if name.startswith(_LIKE_XTERM) else [])):
        with contextlib.suppress(curses.error):
            curses.setupterm(each, descriptor)
            return _Capabilities(curses)
    return None
