"""A shell on a pseudo-terminal, and what a terminal emulator makes of what it writes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pyte

from tests.screenshots.svg import Cell
from tests.simulated.on_terminal import Session

ROWS = 120
PROMPT = "# "


class Shell:
    """A shell that `command` starts, on a terminal of its own; its prompt is that of root."""

    def __init__(self, command: list[str], environ: dict[str, str], columns: int) -> None:
        self.columns = columns
        self._session = Session(command, {"PS1": PROMPT, **environ}, "/", columns, ROWS)
        self._read = 0
        # pyte does not know that a line can be weak: it drops the mark.
        self.screen = _Screen(columns, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self.wait_for(lambda text: text.endswith(PROMPT.strip()))

    @property
    def raw(self) -> bytes:
        """What was written to it so far."""
        return self._session.raw

    def type(self, text: str) -> None:
        self._session.type(text)

    def run(self, command: str, seconds: float = 120) -> None:
        """Type a command, and wait for the next prompt."""
        before = self.text().count(f"\n{PROMPT.strip()}")
        self.type(f"{command}\n")
        self.wait_for(
            lambda text: text.count(f"\n{PROMPT.strip()}") > before and text.endswith(PROMPT.strip()), seconds
        )

    def wait_for(self, is_there: Callable[[str], Any], seconds: float = 60) -> None:
        """Read until `is_there` holds for what the screen shows."""
        until = time.monotonic() + seconds
        while not is_there(self.text()):
            if time.monotonic() > until or not self._session.read(0.02):
                raise AssertionError(f"this has not come:\n{self.text()}")
            new, self._read = self._session.raw[self._read :], len(self._session.raw)
            self._stream.feed(new)

    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def cells(self) -> list[list[Cell]]:
        """The lines of the screen down to the last one with something in it; a prompt that waits is left out."""
        lines = [[self._cell(row, column) for column in range(self.columns)] for row in range(ROWS)]
        while lines and re.fullmatch(rf"\s*|{re.escape(PROMPT.strip())}\s*", "".join(each.text for each in lines[-1])):
            lines.pop()
        return lines

    def _cell(self, row: int, column: int) -> Cell:
        found = self.screen.buffer[row][column]
        color = None if found.fg in ("default", "weak") else str(found.fg)
        return Cell(found.data, color, found.bold, found.fg == "weak")

    def close(self) -> None:
        self._session.close()


class _Screen(pyte.Screen):
    """A screen that remembers that a character is weak, as a color."""

    def select_graphic_rendition(self, *attributes: int, **named: Any) -> None:
        super().select_graphic_rendition(*attributes, **named)
        if 2 in attributes:
            self.cursor.attrs = self.cursor.attrs._replace(fg="weak")
