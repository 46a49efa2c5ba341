"""What `[`, `test`, `[[` and a pattern of `case` say, where that follows from what is known.

Source: bash's manual, "Bash Conditional Expressions" and "Conditional Constructs".
"""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import globs
from teleport_bootstrap.user_data.calls import Call
from teleport_bootstrap.user_data.expansion import Expanded
from teleport_bootstrap.user_data.holes import is_marked
from teleport_bootstrap.user_data.words import Word

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader

_NUMBERS = {
    "-eq": lambda one, other: one == other,
    "-ne": lambda one, other: one != other,
    "-lt": lambda one, other: one < other,
    "-le": lambda one, other: one <= other,
    "-gt": lambda one, other: one > other,
    "-ge": lambda one, other: one >= other,
}
# `[[` takes a number that begins with a zero as an octal one, and `[` does not.
_NUMBER = regex.compile(r"0|-?[1-9][0-9]{0,8}")


def of_test(call: Call, *, is_posix: bool) -> bool | None:
    """Return the outcome of `[` or `test`."""
    given = [each for _, each in call.words[1:]]
    if call.name == "[":
        if not given or given[-1].value != "]":
            return None
        given = given[:-1]
    if any(each.value is None or is_marked(each.text) for each in given):
        return None
    texts = [each.text for each in given]
    # Another shell than bash has no such operator.
    return None if is_posix and "==" in texts else _of_values(texts)


def _of_values(given: Sequence[str]) -> bool | None:
    """Return the outcome for arguments, by how many there are."""
    found: bool | None = None
    if len(given) == 0:
        found = False
    elif len(given) == 1:
        found = bool(given[0])
    elif given[0] == "!" and len(given) < 5:
        below = _of_values(given[1:])
        found = None if below is None else not below
    elif len(given) == 2:
        found = {"-n": bool(given[1]), "-z": not given[1]}.get(given[0])
    elif len(given) == 3:
        found = _compared(*given)
    elif len(given) > 3:
        found = _both_of(given)
    return found


def _both_of(given: Sequence[str]) -> bool | None:
    """Return the outcome of several tests with `-a` between them, or with `-o`."""
    place = next((number for number in (2, 3) if given[number] in ("-a", "-o")), None)
    if place is None or {"-a", "-o"} <= {*given} or {"(", ")"} & {*given}:
        return None
    one, other = _of_values(given[:place]), _of_values(given[place + 1 :])
    if one is None or other is None:
        return None
    return (one and other) if given[place] == "-a" else (one or other)


def _compared(one: str, operator: str, other: str) -> bool | None:
    if operator in ("=", "=="):
        return one == other
    if operator == "!=":
        return one != other
    compare = _NUMBERS.get(operator)
    is_number = all(map(_NUMBER.fullmatch, (one, other)))
    return compare(int(one), int(other)) if compare is not None and is_number else None


class Test:
    """The words of one `[[`, read from the first on."""

    def __init__(self, reader: Reader, given: Sequence[Word]) -> None:
        self._reader = reader
        self._words = list(given)

    def outcome(self) -> bool | None:
        """Return what it says, None where that is not known."""
        found = self._either()
        return None if self._words else found

    def _either(self) -> bool | None:
        found = self._both()
        while self._words and self._words[0].bare == "||":
            self._words.pop(0)
            other = self._both()
            found = True if found or other else None if found is None or other is None else False
        return found

    def _both(self) -> bool | None:
        found = self._one()
        while self._words and self._words[0].bare == "&&":
            self._words.pop(0)
            other = self._one()
            found = False if found is False or other is False else None if found is None or other is None else True
        return found

    def _one(self) -> bool | None:
        first = self._words.pop(0) if self._words else Word(())
        found: bool | None = None
        if first.bare == "!":
            below = self._one()
            found = None if below is None else not below
        elif first.bare == "(":
            below = self._either()
            is_closed = bool(self._words) and self._words.pop(0).bare == ")"
            found = below if is_closed else None
        elif first.bare.startswith("-") and len(first.bare) == 2 and self._words:
            value = _plain(self._reader.value(self._words.pop(0)))
            found = None if value is None else {"-n": bool(value), "-z": not value}.get(first.bare)
        elif first.parts:
            found = self._comparison(_plain(self._reader.value(first)))
        return found

    def _comparison(self, value: str | None) -> bool | None:
        if not self._words or self._words[0].bare in ("&&", "||", ")"):
            return None if value is None else bool(value)
        operator = self._words.pop(0).bare
        return _matched(self._reader, value, operator, self._words.pop(0)) if self._words else None


def _matched(reader: Reader, value: str | None, operator: str, word: Word) -> bool | None:
    if value is None:
        return None
    if operator in ("=", "==", "!="):
        found = matches(reader, word, value)
        return found if operator != "!=" or found is None else not found
    other = _plain(reader.value(word))
    return None if other is None or operator not in _NUMBERS else _compared(value, operator, other)


def matches(reader: Reader, word: Word, value: str) -> bool | None:
    """Return whether a word matches a value as a pattern; what is quoted in it matches itself."""
    pieces: list[str] = []
    for part in word.parts:
        found = _plain(reader.value(Word((part,), word.start, word.end)))
        if found is None:
            return None
        if part.is_quoted and any(each in found for each in "*?[\\(|"):
            return found == value if len(word.parts) == 1 else None
        pieces.append(found)
    return globs.matches("".join(pieces), value)


def case(reader: Reader, subject: Word, patterns: Sequence[Sequence[Word]]) -> int | None:
    """Return which branch of `case` runs, -1 for none of them, None where that is not known."""
    value = _plain(reader.value(subject))
    if value is None or not patterns:
        return None
    for number, choices in enumerate(patterns):
        outcomes = [matches(reader, each, value) for each in choices]
        if None in outcomes:
            return None
        if True in outcomes:
            return number
    return -1


def _plain(value: Expanded) -> str | None:
    return None if value.value is None or is_marked(value.text) else value.text
