"""The bytes of a conf as text that can be read: decoded, line ends made uniform, positions found again."""

from __future__ import annotations

import bisect
import itertools

from teleport_bootstrap import regex
from teleport_bootstrap.conf import few
from teleport_bootstrap.finding import ERROR, Finding, Place
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import looks_secret

# User-data holds 16 KiB at most, so a real conf is far below these. The limit of a value keeps a process's
# environment possible (Linux takes at most 128 KiB for one variable) and keeps `B=$A$A`, `C=$B$B`, … from exploding.
MOST_BYTES_IN_FILE = 2 * 1024 * 1024
MOST_BYTES_IN_LINE = 64 * 1024
MOST_BYTES_IN_VALUE = 64 * 1024
MOST_BYTES_IN_ALL_VALUES = 1024 * 1024

_UNDECODED = regex.compile("[\udc80-\udcff]")
_LONG_ASSIGNMENT = regex.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*=)")


@dataclass(frozen=True)
class Source:
    """The text of a conf, and what is wrong with it as text.

    One byte order mark at the beginning and the carriage return before each line feed are taken away. Bytes that are
    not UTF-8 are lone surrogates in `text`, and a line that is too long as an empty assignment, so that the rest
    of the file can still be read; each has its problem, of which `left_out` are not among `problems`.
    """

    path: str
    text: str
    problems: tuple[Finding, ...]
    left_out: int
    line_starts: tuple[int, ...]

    def line_and_column(self, position: int) -> tuple[int, int]:
        """Return line and column of a position in `text`, both from 1; columns count characters, not bytes."""
        line = bisect.bisect_right(self.line_starts, position)
        return line, position - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Return the whole line of that number."""
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[self.line_starts[number - 1] : end]


def read(data: bytes, path: str) -> Source:
    """Return the text of `data`, the content of the file `path`; raises nothing, problems are in the result."""
    problems: list[Finding] = []
    left_out = 0

    def refuse(message: str, remedy: str, line: int = 1, column: int = 1) -> None:
        nonlocal left_out
        if len(problems) < few.MOST:
            problems.append(refused(message, remedy, Place(path, line, column)))
        else:
            left_out += 1

    text = ""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        refuse("the file is UTF-16, not UTF-8", "save it as UTF-8")
    elif len(data) > MOST_BYTES_IN_FILE:
        message = f"the file has {len(data)} bytes, more than the {MOST_BYTES_IN_FILE} that are read"
        refuse(message, "keep only assignments of variables in it")
    else:
        text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").split("\n")
    is_undecoded = not text.isascii() and _UNDECODED.search(text) is not None
    may_be_odd = max(map(len, lines)) * 4 > MOST_BYTES_IN_LINE or "\0" in text or is_undecoded
    for number, line in enumerate(lines if may_be_odd else (), 1):
        bytes_in_line = size(line) if len(line) * 4 > MOST_BYTES_IN_LINE else 0  # a short line is short enough
        if bytes_in_line > MOST_BYTES_IN_LINE:
            message = f"the line has {bytes_in_line} bytes, more than the {MOST_BYTES_IN_LINE} that a line can have"
            refuse(message, "look for line feeds that were lost", number)
            assignment = _LONG_ASSIGNMENT.match(line)
            lines[number - 1] = assignment[1] if assignment else ""
        undecoded = _UNDECODED.search(line)
        if undecoded is not None:
            which = "a byte" if looks_secret(line) else f"the byte 0x{ord(undecoded[0]) - 0xDC00:02X}"
            refuse(f"{which} is not UTF-8", "save the file as UTF-8", number, undecoded.start() + 1)
        if "\0" in line:
            refuse("a null byte", "remove it; no value can contain one", number, line.index("\0") + 1)
    starts = itertools.accumulate((len(line) + 1 for line in lines[:-1]), initial=0)
    return Source(path, "\n".join(lines), tuple(problems), left_out, tuple(starts))


def size(text: str) -> int:
    """Return the bytes of `text` in a file."""
    return len(text.encode("utf-8", "surrogateescape"))


def refused(message: str, remedy: str, place: Place, subject: str = "") -> Finding:
    """Return a finding of the grammar; `subject` is the variable whose assignment it is in, empty where none is."""
    return Finding(ERROR, "conf-grammar", subject, message, remedy, place)
