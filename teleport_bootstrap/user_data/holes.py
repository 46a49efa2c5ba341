"""What a template leaves open until Terraform or CloudFormation fills it in, carried through the shell as a mark.

A mark is one word of letters that no quoting changes, so that where it ends up says which value of the conf is open. No
file can have one of its own: part of each is made at random.
"""

from __future__ import annotations

import os
import re

from teleport_bootstrap.finding import Finding
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.user_data.text import Line

_FIRST = "\ue000"
_MARK = re.compile(f"{_FIRST}[0-9a-f]+x[0-9]+\ue001")


class Hole(NamedTuple):
    """One open place, as it is written, and what is filled in by default; None for nothing."""

    written: str
    default: str | None = None


class Holes:
    """The open places of one file."""

    def __init__(self) -> None:
        # What was chosen by the defaults of a template, apart from what stands for one place.
        self.notes: list[Finding] = []
        self._all: list[Hole] = []
        self._start = f"{_FIRST}{os.urandom(8).hex()}x"
        self._mark = re.compile(f"{self._start}([0-9]{{1,7}})\ue001")

    def mark(self, hole: Hole) -> str:
        """Return the mark to write for `hole`."""
        self._all.append(hole)
        return f"{self._start}{len(self._all) - 1}\ue001"

    def filled(self, line: Line) -> tuple[Line, tuple[Hole, ...]]:
        """Return `line` with the defaults filled in, what has none being unknown, and the places that have one."""
        found = [self._all[int(each)] for each in self._mark.findall(line.text) if int(each) < len(self._all)]
        if not found:
            return line, ()
        unknown = tuple(each.written for each in found if each.default is None)
        filled = self._mark.sub(lambda mark: self._content(int(mark[1])), line.text)
        with_default = tuple(each for each in found if each.default is not None)
        return line._replace(text=filled, exact=False, unknown=(*line.unknown, *unknown)), with_default

    def as_written(self, text: str) -> str:
        """Return `text` with each mark as the file has it, for a message."""
        return self._mark.sub(
            lambda mark: self._all[int(mark[1])].written if int(mark[1]) < len(self._all) else "", text
        )

    def _content(self, number: int) -> str:
        return (self._all[number].default or "") if number < len(self._all) else ""


def marks(text: str) -> list[str]:
    """Return the marks in `text`, without what stands around them."""
    return _MARK.findall(text)


def is_marked(text: str) -> bool:
    """Whether a template fills in something in `text`."""
    return _FIRST in text
