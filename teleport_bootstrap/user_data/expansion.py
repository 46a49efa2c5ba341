"""What the shell makes of words and here-documents: variables take their values, and an unquoted one may be split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.user_data import words
from teleport_bootstrap.user_data.text import Line
from teleport_bootstrap.user_data.words import Part, Scanner, Unreadable, Word

# What a script of user-data gets without setting it, or bash sets by itself.
_GIVEN = frozenset(
    (
        *("PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "USER", "LOGNAME", "LANG", "HOSTNAME", "INSTANCE_ID", "RANDOM"),
        *("UID", "EUID", "PPID", "SECONDS", "LINENO", "HOSTTYPE", "MACHTYPE", "OSTYPE", "SHELL", "TERM", "IFS"),
        *("INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "REPLY", "OPTARG", "OPTIND", "PIPESTATUS", "GROUPS"),
        *("FUNCNAME", "DIRSTACK", "EPOCHSECONDS", "EPOCHREALTIME", "SRANDOM", "COLUMNS", "LINES", "_", "SHELLOPTS"),
        *("MAPFILE", "OPTERR", "PS4", "PS1", "PS2", "NOTIFY_SOCKET", "MEMORY_PRESSURE_WATCH", "TZ", "LANGUAGE"),
    )
)
# Of these, an assignment is what they have afterwards.
_ORDINARY = frozenset(("PATH", "HOME", "PWD", "OLDPWD", "USER", "LOGNAME", "LANG", "HOSTNAME", "INSTANCE_ID", "SHELL"))
_GIVEN_BEGINNINGS = ("BASH", "LC_", "COMP_", "XDG_", "READLINE_", "HIST", "CREDENTIALS_")
_SPLIT_OR_MATCHED = regex.compile(r"[ \t\n*?\[\\]")
_MATCHED = regex.compile(r"[*?\[]|\{[^{}]*(?:,|\.\.)|(?:\A|[:=])~")
_LARGEST = 4 * 1024 * 1024
_TILDE = regex.compile(r"(?:\A|[:=])~")


@dataclass(frozen=True)
class Expanded:
    """The text as the shell writes it, and what in it is not known, as it is written in the script.

    Where something is not known, `text` has nothing in its place, as where a variable is not set: `empty` are these.
    """

    text: str
    unknown: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    @property
    def value(self) -> str | None:
        """The text, None where something in it is not known."""
        return None if self.unknown else self.text


class _Piece(NamedTuple):
    text: str
    state: str = ""


_UNKNOWN, _EMPTY = "unknown", "empty"


class Variables:
    """The variables of a shell: None for one whose value only running the script tells."""

    def __init__(self, values: dict[str, str | None] | None = None) -> None:
        self.values: dict[str, str | None] = dict(values or {})
        self.exported: set[str] = set()
        self.read_only: set[str] = set()
        # A file that was read into the shell may have set any variable, and `IFS` decides how all are split.
        self.is_blurred = False
        self.splits_otherwise = False
        self._size = [0]

    def copy(self) -> Variables:
        """Return a copy, as a subshell has one."""
        found = Variables(self.values)
        found.exported, found.read_only, found._size = set(self.exported), set(self.read_only), self._size
        found.is_blurred, found.splits_otherwise = self.is_blurred, self.splits_otherwise
        return found

    def for_command(self) -> Variables:
        """Return those that another program gets."""
        found = Variables({name: self.values[name] for name in self.exported if name in self.values})
        found.exported, found.is_blurred, found._size = set(self.exported), self.is_blurred, self._size
        return found

    def set(self, name: str, value: str | None) -> None:
        """Give a variable a value, None for one that is not known."""
        is_ordinary = (name not in _GIVEN or name in _ORDINARY) and not name.startswith(_GIVEN_BEGINNINGS)
        self.values[name] = value if is_ordinary and name not in self.read_only else None
        self.splits_otherwise |= name == "IFS"

    def unset(self, name: str) -> None:
        """Take a variable away."""
        if name in _GIVEN:
            self.set(name, None)
        else:
            self.values.pop(name, None)

    def blur(self) -> None:
        """From now on, any variable may have any value."""
        self.values = dict.fromkeys(self.values)
        self.is_blurred = True

    def word(self, word: Word) -> Expanded:
        """Return what becomes of a word where it is one, whatever is in it: as a value."""
        parts = [self._piece(part) for part in word.parts]
        if any(_TILDE.search(part.text) for part in word.parts if _is_bare(part)):
            parts.append(_Piece(word.typed, _UNKNOWN))
        return _expanded(parts)

    def field(self, word: Word) -> Expanded | None:
        """Return what becomes of a word of a command, None where nothing is left; unknown where it becomes several."""
        found: list[_Piece] = []
        # Alone, it is the command, and no pattern.
        is_matched = word.bare != "["
        for part in word.parts:
            piece = self._piece(part)
            is_open = not part.is_quoted and part.kind != words.TEXT and not piece.state
            if (is_open and (self.splits_otherwise or _SPLIT_OR_MATCHED.search(piece.text))) or (
                is_matched and _is_bare(part) and _MATCHED.search(part.text)
            ):
                piece = _Piece(part.text, _UNKNOWN)
            found.append(piece)
        whole = "".join(part.text for part in word.parts if _is_bare(part))
        if is_matched and _MATCHED.search(whole) and not any(each.state == _UNKNOWN for each in found):
            found.append(_Piece(word.typed, _UNKNOWN))
        expanded = _expanded(found)
        is_nothing = not expanded.text and not expanded.unknown and not any(part.is_quoted for part in word.parts)
        return None if is_nothing else expanded

    def lines(self, document: Sequence[Line], *, is_posix: bool = False) -> tuple[Line, ...]:
        """Return the lines of a here-document that the shell expands. Raises Unreadable."""
        parts = Scanner("\n".join(each.text for each in document), is_posix=is_posix).document()
        found: list[Line] = []
        row = 0
        line = _Growing(document[0]) if document else None
        for part in parts:
            piece = self._piece(part)
            texts = piece.text.split("\n") if not piece.state else [""]
            for number, each in enumerate(texts):
                if number and line is not None:
                    found.append(line.done())
                    row += part.kind == words.TEXT
                    line = _Growing(document[min(row, len(document) - 1)])
                if line is not None:
                    line.add(each, part, piece)
            if part.kind != words.TEXT:
                row += part.text.count("\n")
        return (*found, line.done()) if line is not None else ()

    def _piece(self, part: Part) -> _Piece:
        if part.kind == words.TEXT:
            return _Piece(part.text)
        if part.kind == words.OPAQUE:
            return _Piece(part.text, _UNKNOWN)
        if part.name in self.values:
            value = self.values[part.name]
            if value is None:
                return _Piece(part.text, _UNKNOWN)
            self._size[0] += len(value)
            if self._size[0] > _LARGEST:
                raise Unreadable("its variables become too large to follow them here", 0)
            return _Piece(part.word if part.operator == ":-" and not value else value)
        is_given = part.name in _GIVEN or part.name.isdigit() or part.name.startswith(_GIVEN_BEGINNINGS)
        if is_given or self.is_blurred or part.operator:
            return _Piece(part.text, _UNKNOWN)
        return _Piece(part.text, _EMPTY)


class _Growing:
    """A line of a here-document, while its parts are put together."""

    def __init__(self, origin: Line) -> None:
        self._origin = origin
        self._texts: list[str] = []
        self._pieces: list[_Piece] = []

    def add(self, content: str, part: Part, piece: _Piece) -> None:
        self._texts.append(content)
        if part.kind != words.TEXT and piece.state:
            self._pieces.append(piece)

    def done(self) -> Line:
        content = "".join(self._texts)
        unknown = tuple(each.text for each in self._pieces if each.state == _UNKNOWN)
        empty = tuple(each.text for each in self._pieces if each.state == _EMPTY)
        is_same = self._origin.exact and content == self._origin.text
        return Line(content, self._origin.number, self._origin.column, is_same, unknown, empty)


def _is_bare(part: Part) -> bool:
    return part.kind == words.TEXT and not part.is_quoted


def _expanded(pieces: Sequence[_Piece]) -> Expanded:
    return Expanded(
        "".join(each.text for each in pieces if not each.state),
        tuple(each.text for each in pieces if each.state == _UNKNOWN),
        tuple(each.text for each in pieces if each.state == _EMPTY),
    )


def names(given: Sequence[str]) -> Iterator[str]:
    """Yield the names of variables among the arguments of a command such as `read`."""
    return (each for each in given if each.isidentifier() and each.isascii())
