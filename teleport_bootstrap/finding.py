"""What a check finds in a conf, a document, an image, an archive, or on this host."""

from __future__ import annotations

from collections.abc import Iterable

from teleport_bootstrap import display
from teleport_bootstrap.records import dataclass

ERROR = "error"
WARNING = "warning"
NOTE = "note"


@dataclass(frozen=True)
class Place:
    """Where in a file: lines and columns count from 1, and are None where the whole file is meant."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True)
class Finding:
    """What is wrong, and what to do about it. Its texts are one line each, escaped and without secrets.

    `severity` is ERROR (it stops what was asked for), WARNING or NOTE. `code` is a short stable word for programs, such
    as `conf-value`. `subject` is what the finding is about: a variable, a path in teleport.yaml, a file, a unit.
    `message` says what is wrong, `remedy` what to write or to run instead.
    """

    severity: str
    code: str
    subject: str
    message: str
    remedy: str = ""
    place: Place | None = None

    def __post_init__(self) -> None:
        """Make the texts such that everyone can show them."""
        for name in ("subject", "message", "remedy"):
            object.__setattr__(self, name, display.line(getattr(self, name)))

    @property
    def is_error(self) -> bool:
        """Whether it stops what was asked for."""
        return self.severity == ERROR

    def __str__(self) -> str:
        start = f"{display.line(str(self.place))}: " if self.place is not None else ""
        return f"{start}{self.message}" + (f" ({self.remedy})" if self.remedy else "")

    def data(self) -> dict[str, object]:
        """Return the finding for JSON: the fields above, with `file`, `line` and `column` in place of `place`.

        What is not known, or does not apply, is None.
        """
        place = self.place or Place("")
        return {
            "severity": self.severity,
            "code": self.code or None,
            "subject": self.subject or None,
            "message": self.message,
            "remedy": self.remedy or None,
            "file": display.line(place.file) or None,
            "line": place.line,
            "column": place.column,
        }


class Line(str):
    """A line that reports a finding, after a mark such as `error: `; on a terminal its parts are shown apart."""

    __slots__ = ("finding", "mark")
    finding: Finding
    mark: str

    def __new__(cls, mark: str, finding: Finding) -> Line:
        """Make the line as it is printed where there is no terminal."""
        line = super().__new__(cls, f"{mark}{finding}")
        line.finding, line.mark = finding, mark
        return line


def note(found: Finding) -> Line:
    """Return `found` as one of the notes of a result; in JSON it keeps its parts."""
    return Line("", found)


def in_order_of_place(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return `findings` of one file by line and column; what has no line comes last."""

    def line_and_column(each: Finding) -> tuple[bool, int, int]:
        place = each.place or Place("")
        return (place.line is None, place.line or 0, place.column or 0)

    return tuple(sorted(findings, key=line_and_column))


def errors_in(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return those of `findings` that are errors."""
    return tuple(each for each in findings if each.is_error)
