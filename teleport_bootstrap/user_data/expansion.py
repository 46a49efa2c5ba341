"""What the shell makes of words and here-documents: variables take their values, and an unquoted one may be split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.hints import NamedTuple, Optional
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.user_data import parameters, words
from teleport_bootstrap.user_data.holes import is_marked
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
_MATCHED_IN_VALUE = regex.compile(r"[*?\[\\]")
_TERM = regex.compile(r"( *[+-]? *)()(\$?[A-Za-z_]\w*|[0-9]{1,9})( *)", re.ASCII)
_RANGE = regex.compile(r"\{(0|[1-9][0-9]{0,5})\.\.(0|[1-9][0-9]{0,5})\}")
_NUMBER = regex.compile("0|[1-9][0-9]{0,8}")
_CHANGING = regex.compile(r"\+\+|--|(?<![=!<>])=(?!=)|<<=|>>=")
_MOST_NUMBERS = 1000
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


Saved = tuple[bool, Optional[str], bool, Optional[tuple[str, ...]]]


class Variables:
    """The variables of a shell: None for one whose value only running the script tells."""

    def __init__(self, values: dict[str, str | None] | None = None) -> None:
        self.values: dict[str, str | None] = dict(values or {})
        self.exported: set[str] = set()
        self.read_only: set[str] = set()
        # A file that was read into the shell may have set any variable, and `IFS` decides how all are split.
        self.is_blurred = False
        self.splits_otherwise = False
        # The arguments of the script or function, and arrays; None for those that are not known.
        self.arguments: tuple[str, ...] | None = None
        self.arrays: dict[str, tuple[str, ...] | None] = {}
        # In which rows of the script the lines of a value stand, where it has several.
        self.rows: dict[str, tuple[int, ...]] = {}
        # Returns what `$(command)` prints, None where that is not known.
        self.substitute: Callable[[str], Optional[str]] = _unknown
        # What an assignment inside of a word does: it may depend on a condition.
        self.assign: Callable[[str, Optional[str]], None] = self.set
        self.is_posix = False
        self._size = [0]

    def copy(self) -> Variables:
        """Return a copy, as a subshell has one."""
        found = Variables(self.values)
        found.exported, found.read_only, found._size = set(self.exported), set(self.read_only), self._size
        found.is_blurred, found.splits_otherwise = self.is_blurred, self.splits_otherwise
        found.arguments, found.arrays, found.rows = self.arguments, dict(self.arrays), dict(self.rows)
        found.substitute, found.assign, found.is_posix = self.substitute, self.assign, self.is_posix
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
        self.arrays.pop(name, None)
        self.rows.pop(name, None)
        self.splits_otherwise |= name == "IFS"

    @staticmethod
    def is_given(name: str) -> bool:
        """Whether a script may get a variable without setting it."""
        return name in _GIVEN or name.isdigit() or name.startswith(_GIVEN_BEGINNINGS)

    def saved(self, name: str) -> Saved:
        """Return what a variable has, for `restore` when a function ends."""
        return name in self.values, self.values.get(name), name in self.arrays, self.arrays.get(name)

    def restore(self, name: str, saved: Saved) -> None:
        """Give a variable what it had."""
        is_set, value, is_array, items = saved
        for here, is_there in ((self.values, is_set), (self.arrays, is_array)):
            if not is_there:
                here.pop(name, None)
        if is_set:
            self.values[name] = value
        if is_array:
            self.arrays[name] = items

    def unset(self, name: str) -> None:
        """Take a variable away."""
        if name in _GIVEN:
            self.set(name, None)
        else:
            self.values.pop(name, None)

    def blur(self) -> None:
        """From now on, any variable may have any value."""
        self.values = dict.fromkeys(self.values)
        self.arrays = dict.fromkeys(self.arrays)
        self.is_blurred = True

    def set_arguments(self, arguments: tuple[str, ...] | None) -> None:
        """Give the script or function its arguments, None for such that are not known."""
        self.arguments = arguments
        for number, each in enumerate("123456789"):
            self.values[each] = None if arguments is None else (*arguments, *("",) * 9)[number]

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
            is_several = part.kind == words.OPAQUE and len(self._items(part.text) or ()) > 1
            if (is_open and (self.splits_otherwise or _SPLIT_OR_MATCHED.search(piece.text))) or (
                is_several or (is_matched and _is_bare(part) and _MATCHED.search(part.text))
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
            found = self._opaque(part.text)
            return _Piece(part.text, _UNKNOWN) if found is None else self._sized(found)
        if part.name in self.values:
            value = self.values[part.name]
            if value is None:
                return _Piece(part.text, _UNKNOWN)
            return self._sized(part.word if part.operator == ":-" and not value else value)
        if self.is_given(part.name) or self.is_blurred:
            return _Piece(part.text, _UNKNOWN)
        return _Piece(part.word) if part.operator else _Piece(part.text, _EMPTY)

    def _sized(self, value: str) -> _Piece:
        self._sized_by(len(value))
        return _Piece(value)

    def _sized_by(self, count: int) -> None:
        self._size[0] += count
        if self._size[0] > _LARGEST:
            raise Unreadable("its variables become too large to follow them here", 0)

    def _counted(self, items: tuple[str, ...]) -> tuple[str, ...]:
        self._sized_by(sum(len(each) + 8 for each in items))
        return items

    def _opaque(self, written: str) -> str | None:
        """Return what `${...}`, `$(...)`, `$((...))` or `$*` becomes, None where that is not known."""
        found: str | None = None
        if written in ("$*", "$@", "$#"):
            if self.arguments is not None and not self.splits_otherwise:
                found = str(len(self.arguments)) if written == "$#" else " ".join(self.arguments)
        elif written.startswith("$(("):
            found = self._arithmetic(written[3:-2])
        elif written.startswith("$("):
            found = self.substitute(written[2:-1])
        elif written.startswith("`") and "\\" not in written:
            found = self.substitute(written[1:-1])
        else:
            form = parameters.form(written)
            if form is not None and not (self.is_posix and parameters.is_of_bash(form)):
                found = self._of_array(form) if form.item else self._of_form(form)
        return found

    def _of_array(self, form: parameters.Form) -> str | None:
        items = self.arrays.get(form.name)
        if items is None or form.operator or self.splits_otherwise:
            return None
        if form.item in ("[@]", "[*]"):
            return str(len(items)) if form.is_length else " ".join(items)
        written = form.item[1:-1]
        place = written if written.isdecimal() else self.values.get(written.lstrip("$")) or ""
        if not place.isdecimal():
            return None
        value = items[int(place)] if int(place) < len(items) else ""
        return str(len(value)) if form.is_length else value

    def _of_form(self, form: parameters.Form) -> str | None:
        if form.name in ("@", "*", "#"):
            return self._opaque(f"${form.name}") if not form.operator and not form.rest else None
        is_set = form.name in self.values
        found = self.values.get(form.name, "")
        is_open = (not is_set and (self.is_given(form.name) or self.is_blurred)) or form.name in self.arrays
        if is_open or found is None or is_marked(found):
            return None
        return self._of_value(form, found, is_set=is_set)

    def _of_value(self, form: parameters.Form, found: str, *, is_set: bool) -> str | None:
        if form.is_length:
            return str(len(found)) if found.isascii() else None
        is_present = bool(found) if form.operator.startswith(":") else is_set
        result: str | None
        if form.operator[-1:] in ("-", "=") and form.operator:
            result = found if is_present else self._rest(form.rest)
            if form.operator[-1] == "=" and not is_present:
                self.assign(form.name, result)
        elif form.operator[-1:] == "?":
            if not is_present:
                raise Unreadable(f"`${{{form.name}{form.operator}}}` ends the script, since nothing sets it before", 0)
            result = found
        elif form.operator[-1:] == "+":
            result = self._rest(form.rest) if is_present else ""
        elif not is_set:
            result = None
        else:
            result = parameters.changed(found, form.operator, form.rest, self._rest)
        return result

    def _rest(self, rest: str) -> str | None:
        """Return what becomes of the word in `${name:-word}`, None where that is not known."""
        if len(rest) > 1 and rest[0] == rest[-1] == '"' and rest.count('"') == 2:
            rest = rest[1:-1]
        if any(each in rest for each in "'\"\\~"):
            return None
        try:
            found = _expanded([self._piece(part) for part in Scanner(rest, is_posix=self.is_posix).document()])
        except Unreadable:
            return None
        return found.value

    def _arithmetic(self, written: str) -> str | None:
        """Return what a sum of two or more numbers and variables is, None for another expression."""
        total = 0
        if _CHANGING.search(written):
            for name in words.identifiers(written):
                self.assign(name, None)
            return None
        terms = _TERM.findall(written)
        if "".join(sign + blank + term + end for sign, blank, term, end in terms) != written or not terms:
            return None
        for number, (sign, _, term, _) in enumerate(terms):
            value = term if term.isdecimal() else self.values.get(term.lstrip("$"), None)
            is_plain = value is not None and _NUMBER.fullmatch(value)
            if not is_plain or (number and not sign.strip()):
                return None
            total += -int(value or "0") if sign.strip() == "-" else int(value or "0")
        return str(total)

    def _items(self, written: str) -> tuple[str, ...] | None:
        """Return the words that become of `"$@"` or `"${name[@]}"`, None of another form or where not known."""
        form = parameters.form(written)
        if written in ("$@", "${@}"):
            return self.arguments
        is_whole = form is not None and form.item == "[@]" and not form.operator and not form.is_length
        return self.arrays.get(form.name) if form is not None and is_whole else None

    def several(self, word: Word) -> tuple[str, ...] | None:
        """Return the words that become of one, None where that is not known."""
        alone = word.parts[0] if len(word.parts) == 1 else None
        if alone is not None and alone.kind == words.OPAQUE:
            items = self._items(alone.text)
            if items is not None:
                is_whole = alone.is_quoted or not any(_SPLIT_OR_MATCHED.search(each) or not each for each in items)
                return self._counted(items) if is_whole else None
        if alone is not None and not alone.is_quoted and alone.kind != words.TEXT and not self.splits_otherwise:
            piece = self._piece(alone)
            is_plain = not piece.state and not _MATCHED_IN_VALUE.search(piece.text) and not is_marked(piece.text)
            return self._counted(tuple(piece.text.split())) if is_plain else None
        numbers = _RANGE.fullmatch(word.bare) if not self.is_posix else None
        if numbers is not None and 0 <= int(numbers[2]) - int(numbers[1]) < _MOST_NUMBERS:
            return tuple(map(str, range(int(numbers[1]), int(numbers[2]) + 1)))
        found = self.field(word)
        if found is None:
            return ()
        return None if found.value is None or found.empty else (found.value,)


def _unknown(_: str) -> str | None:
    return None


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
