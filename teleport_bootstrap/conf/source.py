"""The bytes of a conf as text that can be read: decoded, line ends made uniform, positions found again."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

from teleport_bootstrap.conf import secret_names
from teleport_bootstrap.finding import ERROR, Finding, Place

# User-data holds 16 KiB at most, so a real conf is far below these. The limit of a value keeps a process's
# environment possible (Linux takes at most 128 KiB for one variable) and keeps `B=$A$A`, `C=$B$B`, … from exploding.
MOST_BYTES_IN_FILE = 2 * 1024 * 1024
MOST_BYTES_IN_LINE = 64 * 1024
MOST_BYTES_IN_VALUE = 64 * 1024
MOST_BYTES_IN_ALL_VALUES = 1024 * 1024

_UNDECODED = re.compile("[\udc80-\udcff]")
_LONG_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*=)")


@dataclass(frozen=True)
class Source:
    """The text of a conf, and what is wrong with it as text.

    One byte order mark at the beginning and the carriage return before each line feed are taken away. Bytes that are
    not UTF-8 are lone surrogates in `text`, and a line that is too long as an empty assignment, so that the rest
    of the file can still be read; each has its problem.
    """

    path: str
    text: str
    problems: tuple[Finding, ...]
    line_starts: tuple[int, ...]

    def line_and_column(self, position: int) -> tuple[int, int]:
        """Return line and column of a position in `text`, both from 1; columns count characters, not bytes."""
        line = bisect.bisect_right(self.line_starts, position)
        return line, position - self.line_starts[line - 1] + 1

    def line_around(self, position: int) -> str:
        """Return the whole line that a position in `text` lies on."""
        line = bisect.bisect_right(self.line_starts, position)
        end = self.line_starts[line] if line < len(self.line_starts) else len(self.text)
        return self.text[self.line_starts[line - 1] : end]


def read(data: bytes, path: str) -> Source:
    """Return the text of `data`, the content of the file `path`; raises nothing, problems are in the result."""
    refusal = _refused_as_a_whole(data, path)
    if refusal is not None:
        return Source(path, "", (refusal,), (0,))
    text = data.decode("utf-8", "surrogateescape")
    if text.startswith("\ufeff"):
        text = text[1:]
    problems: list[Finding] = []
    lines = text.replace("\r\n", "\n").split("\n")
    for index, line in enumerate(lines):
        problems.extend(_problems_of_line(line, path, index + 1))
        if len(line) * 4 > MOST_BYTES_IN_LINE and _size(line) > MOST_BYTES_IN_LINE:
            assignment = _LONG_ASSIGNMENT.match(line)
            lines[index] = assignment[1] if assignment else ""
    text = "\n".join(lines)
    starts = [0]
    for line in lines[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    return Source(path, text, tuple(problems), tuple(starts))


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def refused(message: str, remedy: str, place: Place, subject: str = "") -> Finding:
    """Return a finding of the grammar; `subject` is the variable whose assignment it is in, empty where none is."""
    return Finding(ERROR, "conf-grammar", subject, message, remedy, place)


def _refused_as_a_whole(data: bytes, path: str) -> Finding | None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return refused("the file is UTF-16, not UTF-8", "save it as UTF-8", Place(path, 1, 1))
    if len(data) > MOST_BYTES_IN_FILE:
        message = f"the file has {len(data)} bytes, more than the {MOST_BYTES_IN_FILE} that are read"
        return refused(message, "keep only assignments of variables in it", Place(path, 1, 1))
    return None


def _problems_of_line(line: str, path: str, number: int) -> list[Finding]:
    problems = []
    if len(line) * 4 > MOST_BYTES_IN_LINE and _size(line) > MOST_BYTES_IN_LINE:
        message = f"the line has {_size(line)} bytes, more than the {MOST_BYTES_IN_LINE} that a line can have"
        problems.append(refused(message, "look for line feeds that were lost", Place(path, number, 1)))
    undecoded = _UNDECODED.search(line)
    if undecoded is not None:
        which = "a byte" if secret_names.looks_secret(line) else f"the byte 0x{ord(undecoded[0]) - 0xDC00:02X}"
        place = Place(path, number, undecoded.start() + 1)
        problems.append(refused(f"{which} is not UTF-8", "save the file as UTF-8", place))
    null = line.find("\0")
    if null >= 0:
        problems.append(refused("a null byte", "remove it; no value can contain one", Place(path, number, null + 1)))
    return problems
