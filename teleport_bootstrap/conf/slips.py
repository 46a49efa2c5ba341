"""What a name is like that is not in the table: which variable it was meant to be."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.conf import variables
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.secret import looks_secret

_OUR_PREFIXES = ("TELEPORT_", "USE_", "EC2_")
_MOST_EDITS = 2
_NUMBER = regex.compile(r"_([1-9][0-9]?)(?=_)")


class Likeness(NamedTuple):
    """What a name that is not in the table is like.

    `nearest` is the variable that it is nearest to, if one is near; it is also the one `mistyped` if the name differs
    by a slip. `unprefixed` is the one that it is without its prefix. `is_ours` says that it begins like our names,
    `is_secret` that its value is to be masked.
    """

    nearest: str | None = None
    mistyped: str | None = None
    unprefixed: str | None = None
    is_ours: bool = False
    is_secret: bool = False


NOTHING = Likeness()


def likeness(name: str) -> Likeness:
    """Return what `name` is like, which is not in the table."""
    given = name.upper()
    # Digits that no variable has are all the same to what follows, but for the number of a resource.
    return _likeness(given if _NUMBER.search(given) else given.translate(_digits()))


def nearest(name: str) -> str | None:
    """Return the variable that was probably meant by `name`, or None when nothing is near."""
    return likeness(name).nearest


def mistyped(name: str) -> str | None:
    """Return the variable that `name`, which is not in the table, is a slip of: at most two letters, or a plural."""
    return likeness(name).mistyped


def is_secret_name(name: str) -> bool:
    """Whether a variable is declared secret or, being unknown to us, is named like one, or like one mistyped."""
    variable = variables.find(name)
    return likeness(name).is_secret if variable is None else variable.secret


@functools.lru_cache(maxsize=4096)
def _likeness(given: str) -> Likeness:
    near = _nearest(given)
    is_slip = near is not None and _edits(_letters(given), _letters(near)) <= _MOST_EDITS
    known = None if near is None else variables.find(near)
    found = Likeness(
        nearest=near,
        mistyped=near if is_slip else None,
        unprefixed=_without_prefix().get(_letters(given).rstrip("S")),
        is_ours=given.startswith(_OUR_PREFIXES) or given in variables.BY_NAME,
        is_secret=looks_secret(given) or (known is not None and known.secret),
    )
    return NOTHING if found == NOTHING else found


class _Names:
    """Names among which that is found which is nearest to a given one, by `difflib`.

    It compares in time that grows with the square of a name's length, so those are left out before that do not have
    enough letters in common with the given one, whatever their order. They are counted for all names at once: a lane
    of eight bits in one number belongs to each.
    """

    _CLOSE = 0.8

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._longest = max(map(len, names))
        self._top = sum(0x80 << 8 * lane for lane in range(len(names)))
        # For each letter, and how often a given name has it: how many of these each of the names has too.
        self._common: dict[str, list[int]] = {}
        for letter in set("".join(names)):
            most = max(name.count(letter) for name in names)
            self._common[letter] = [
                sum(min(times, name.count(letter)) << 8 * lane for lane, name in enumerate(names))
                for times in range(most + 1)
            ]
        self._missing: dict[int, int] = {}

    def nearest(self, given: str) -> str | None:
        """Return the nearest name, None if none is near."""
        if len(given) > self._longest * 3 // 2:
            return None
        common = self._to_the_top(len(given))
        for letter in set(given):
            counts = self._common.get(letter)
            if counts is not None:
                common += counts[min(given.count(letter), len(counts) - 1)]
        enough = common & self._top
        if not enough:
            return None
        import difflib  # noqa: PLC0415 - few confs have such a name

        near = [name for lane, name in enumerate(self._names) if enough >> 8 * lane & 0x80]
        found = difflib.get_close_matches(given, near, n=1, cutoff=self._CLOSE)
        return found[0] if found else None

    def _to_the_top(self, length: int) -> int:
        """Return what to add to the common letters so that the top bit of a lane says that they are enough."""
        if length not in self._missing:
            self._missing[length] = sum(
                (0x80 - self._enough(length + len(name))) << 8 * lane for lane, name in enumerate(self._names)
            )
        return self._missing[length]

    def _enough(self, both: int) -> int:
        return next(common for common in range(both + 1) if 2.0 * common / both >= self._CLOSE)


@functools.cache
def _all_names() -> _Names:
    return _Names(list(variables.BY_NAME))


@functools.cache
def _numbered_names() -> _Names:
    return _Names([variable.name for variable in variables.TABLE if variable.of is not None and variable.of.is_list])


@functools.cache
def _digits() -> dict[int, str]:
    found = {letter for name in variables.BY_NAME for letter in name}
    absent = [digit for digit in "0123456789" if digit not in found]
    return {ord(digit): absent[0] for digit in absent}


@functools.cache
def _without_prefix() -> dict[str, str]:
    found: dict[str, str] = {}
    for known in variables.BY_NAME:
        prefix = next((each for each in _OUR_PREFIXES if known.startswith(each)), "")
        if prefix:
            found.setdefault(_letters(known[len(prefix) :]).rstrip("S"), known)
    return found


def _nearest(given: str) -> str | None:
    number = _NUMBER.search(given)
    if number is not None:
        found = _numbered_names().nearest(given[: number.start()] + given[number.end() :])
        kind = variables.BY_NAME[found].of if found else None
        if kind is not None:
            return kind.name(int(number[1]), found or "")
    return _all_names().nearest(given)


def _letters(name: str) -> str:
    return name.upper().replace("_", "")


def _edits(one: str, other: str) -> int:
    """Return how many letters have to be added, removed, replaced or swapped with the next to make `other` of `one`."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        rows.append([i])
        for j, wanted in enumerate(other, 1):
            edits = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                edits = min(edits, rows[i - 2][j - 2] + 1)
            rows[i].append(edits)
    return rows[-1][-1]
