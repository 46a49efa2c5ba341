"""The table of the conf's variables: each a constant here, named exactly as the operator writes it.

conf.value(variables.TELEPORT_EXTERNAL_PORT)  # int | None
"""

from __future__ import annotations

import difflib
import functools
import re
from typing import Any, TypeVar

from teleport_bootstrap import records
from teleport_bootstrap.conf import resource, table
from teleport_bootstrap.conf.table import *  # noqa: F403
from teleport_bootstrap.conf.variable import Group
from teleport_bootstrap.conf.variable import Variable as Variable  # noqa: PLC0414 - part of this module's interface
from teleport_bootstrap.secret import looks_secret

T = TypeVar("T")

GROUPS: list[Group] = []
for _name, _value in vars(table).items():
    if isinstance(_value, Group):
        GROUPS.append(_value)
    elif isinstance(_value, Variable):
        _value.name = _name
        GROUPS[-1].variables.append(_value)
TABLE: tuple[Variable[Any], ...] = tuple(variable for group in GROUPS for variable in group.variables)
BY_NAME: dict[str, Variable[Any]] = {variable.name: variable for variable in TABLE}


@functools.lru_cache(maxsize=4096)
def find(name: str) -> Variable[Any] | None:
    """Return the variable of that name, which may have a number in it; None where there is none."""
    variable = BY_NAME.get(name)
    if variable is not None:
        return variable
    for kind in resource.KINDS:
        found = kind.unnumbered(name)
        if found is not None and found[0] in BY_NAME and BY_NAME[found[0]].of is kind:
            return numbered(BY_NAME[found[0]], found[1])
    return None


@functools.lru_cache(maxsize=4096)
def numbered(variable: Variable[T], number: int) -> Variable[T]:
    """Return `variable`, which is a part of a resource, for the resource `number`; 0 is that without a number."""
    if variable.of is None or number == 0:
        return variable
    other = records.replace(variable)
    other.name = variable.of.name(number, variable.name)
    return other


def parts_of(kind: resource.Kind) -> tuple[Variable[Any], ...]:
    """Return the variables without a number of a kind of resource."""
    return tuple(variable for variable in TABLE if variable.of is kind)


_OUR_PREFIXES = ("TELEPORT_", "USE_", "EC2_")


def looks_like_ours(name: str) -> bool:
    """Whether a name that is not in the table was probably meant to be."""
    return name.upper().startswith(_OUR_PREFIXES) or name.upper() in BY_NAME


@functools.lru_cache(maxsize=1024)
def nearest(name: str) -> str | None:
    """Return the variable that was probably meant by `name`, or None when nothing is near."""
    given = name.upper()
    number = re.search(r"_([1-9][0-9]?)(?=_)", given)
    if number is not None:
        parts = [variable.name for variable in TABLE if variable.of is not None and variable.of.is_list]
        found = difflib.get_close_matches(given[: number.start()] + given[number.end() :], parts, n=1, cutoff=0.8)
        kind = BY_NAME[found[0]].of if found else None
        if kind is not None:
            return kind.name(int(number[1]), found[0])
    found = difflib.get_close_matches(given, list(BY_NAME), n=1, cutoff=0.8)
    return found[0] if found else None


def mistyped(name: str) -> str | None:
    """Return the variable that `name`, which is not in the table, is a slip of: at most two letters, or a plural."""
    meant = nearest(name)
    return meant if meant is not None and _edits(_letters(name), _letters(meant)) <= _MOST_EDITS else None


def without_prefix(name: str) -> str | None:
    """Return the variable that `name`, which is not in the table, is without its prefix; also in the plural."""
    given = _letters(name).rstrip("S")
    for known in BY_NAME:
        prefix = next((each for each in _OUR_PREFIXES if known.startswith(each)), "")
        if prefix and _letters(known[len(prefix) :]).rstrip("S") == given:
            return known
    return None


_MOST_EDITS = 2


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


def is_secret_name(name: str) -> bool:
    """Whether a variable is declared secret or, being unknown to us, is named like one, or like one mistyped."""
    variable = find(name)
    if variable is not None:
        return variable.secret
    meant = find(nearest(name) or "")
    return looks_secret(name) or (meant is not None and meant.secret)
