"""Text, and where each of its lines stands in the file that the user has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from teleport_bootstrap import masking
from teleport_bootstrap.finding import WARNING, Finding, Place
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.records import dataclass

_SHOWN = 60
HERE_DOCUMENT = "write the values themselves, with a here-document: cat > /etc/teleport.d/conf <<'EOF'"


class Line(NamedTuple):
    """A line without its line feed: `number` is that in the file, from 1, and `column` where its text begins, from 0.

    `exact` says that its characters stand one after the other in the file too, so that columns can be told. `unknown`
    is what in it only running tells, as it is written; nothing stands in its place in `text`. `empty` are the variables
    in it that nothing sets. One that does not `end` goes on with the next that is appended.
    """

    text: str
    number: int
    column: int = 0
    exact: bool = True
    unknown: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    ends: bool = True


@dataclass(frozen=True)
class Text:
    """Lines of one file. `path` names it; of what was decoded, it says so, and lines count within that."""

    path: str
    lines: tuple[Line, ...]

    def place(self, line: Line) -> Place:
        """Return where `line` begins."""
        return Place(self.path, line.number, line.column + 1 if line.exact else None)

    @property
    def joined(self) -> str:
        """The text alone."""
        return "\n".join(each.text for each in self.lines)


@dataclass(frozen=True)
class Write:
    """What one step writes to the conf: lines of `path`, which is named as in `Text`."""

    path: str
    lines: tuple[Line, ...]


def whole_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return lines with each that does not end and the next one in the first of them."""
    found: list[Line] = []
    for line in lines:
        before = found[-1] if found else None
        if before is None or before.ends:
            found.append(line)
            continue
        found[-1] = before._replace(
            text=before.text + line.text,
            exact=False,
            unknown=(*before.unknown, *line.unknown),
            empty=(*before.empty, *line.empty),
            ends=line.ends,
        )
    return tuple(found)


def joined(before: tuple[Write, ...], after: tuple[Write, ...]) -> tuple[Write, ...]:
    """Return writes one after the other, with a line that both of them have a part of in the first."""
    found = list(before)
    for write in after:
        lines = whole_lines(write.lines)
        last = found[-1].lines if found else ()
        if last and not last[-1].ends and lines:
            (whole,) = whole_lines((last[-1], lines[0]))
            found[-1] = Write(found[-1].path, (*last[:-1], whole))
            lines = lines[1:]
        if lines:
            found.append(Write(write.path, lines))
    return tuple(found)


class Unknowable(Exception):
    """What is written cannot be known without running it; `message` says what and why, `place` where."""

    def __init__(self, message: str, place: Place, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.remedy = remedy


def whole(content: str, path: str) -> Text:
    """Return `content`, a file or what was decoded out of one."""
    # As cloud-init does it: the first line decides whether those of DOS are changed.
    is_of_dos = content.partition("\n")[0].endswith("\r")
    lines = (content.replace("\r\n", "\n") if is_of_dos else content).split("\n")
    return Text(path, tuple(Line(each, number) for number, each in enumerate(lines, 1)))


def warning(message: str, place: Place, remedy: str = "") -> Finding:
    """Return a warning about user-data."""
    return Finding(WARNING, "user-data-unknown", "user-data", message, remedy, place)


def short(piece: str) -> str:
    """Return a piece of the user's file as a message shows it: without secrets, and not long."""
    shown = masking.mask_foreign(piece)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"


def without_indent(lines: Sequence[Line], columns: int) -> tuple[Line, ...]:
    """Return `lines` without their first `columns` characters."""
    return tuple(each._replace(text=each.text[columns:], column=each.column + columns) for each in lines)
