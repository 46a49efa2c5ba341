"""Breaks lines between words: never within a word, a path or a command in backticks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from teleport_bootstrap import regex

_LEAST_HANG = 4
# So many columns beside a deep indent are enough for a sentence.
_LEAST_COLUMN = 30
# A word, and what is in backticks, with what touches it. Blanks in backticks are part of a command.
_UNIT = regex.compile(r"(?:`[^`]*`|\S)+")


def columns(text: str) -> int:
    """Return how many columns of a terminal `text` takes, which has only characters that can be seen."""
    if text.isascii():
        return len(text)
    return sum(_columns(each) for each in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def lines(text: str, width: int, *, hang: int = 0) -> Iterator[str]:
    """Yield `text` in lines of at most `width` columns, those after the first with `hang` blanks before them.

    A line is longer where a single unit is, and a long unit has fewer blanks before it. Blanks between units stay as
    they are, but for those at the end of a line.
    """
    if columns(text) <= width:
        yield text.rstrip(" ")
        return
    # In a narrow terminal, what is left beside a deep indent would be a column of single words.
    hang = min(hang, max(width // 2, width - _LEAST_COLUMN))
    line, taken, end = "", 0, 0
    for found in _UNIT.finditer(text):
        between, unit = text[end : found.start()], found[0]
        end = found.end()
        needed = columns(unit)
        if line.strip(" ") and taken + len(between) + needed > width:
            yield line
            # A unit for which there is no room in its column begins further to the left.
            room = hang if hang + needed <= width else max(0, min(hang, _LEAST_HANG, width - needed))
            between, line, taken = " " * room, "", 0
        line += between + unit
        taken += len(between) + needed
    yield line
