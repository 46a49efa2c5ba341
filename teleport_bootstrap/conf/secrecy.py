"""Which assignments of a conf hold a secret, and how assignments are shown."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from teleport_bootstrap import masking
from teleport_bootstrap.conf import variables
from teleport_bootstrap.conf.grammar import Assignment
from teleport_bootstrap.conf.names import Names
from teleport_bootstrap.hints import Any, NamedTuple
from teleport_bootstrap.secret import MASK, passwords, remember


class MaskedAssignment(NamedTuple):
    """An assignment as it may be shown to anyone: the value of a secret is a mask."""

    name: str
    value: str
    line: int


class Shown:
    """The assignments of a conf as they may be shown; those at the positions in `secret` are one.

    Masking takes longer than reading, so it is done for those who look.
    """

    def __init__(self, assignments: Sequence[Assignment] = (), secret: frozenset[int] = frozenset()) -> None:
        self._assignments = assignments
        self._secret = secret

    def __len__(self) -> int:
        return len(self._assignments)

    def __iter__(self) -> Iterator[MaskedAssignment]:
        return iter(self._masked)

    def __repr__(self) -> str:
        return repr(self._masked)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shown) and (self._assignments, self._secret) == (other._assignments, other._secret)

    def __hash__(self) -> int:
        return hash((self._assignments, self._secret))

    def data(self) -> list[dict[str, Any]]:
        """Return them for JSON."""
        return [each._asdict() for each in self]

    @functools.cached_property
    def holds_secret(self) -> bool:
        """Whether there is a secret anywhere in them, also in an assignment that a later one overrides."""
        secret_names = {variable.name for variable in variables.TABLE if variable.secret}
        return any(
            each.value and (each.name in secret_names or masking.mask(each.value) != each.value)
            for each in self._assignments
        )

    @functools.cached_property
    def _masked(self) -> tuple[MaskedAssignment, ...]:
        return tuple(
            MaskedAssignment(
                each.name, MASK if index in self._secret and each.value else masking.mask(each.value), each.line
            )
            for index, each in enumerate(self._assignments)
        )


NONE_SHOWN = Shown()


def note(assignments: Sequence[Assignment], secret: frozenset[int]) -> None:
    """Let this process remember the secrets in `assignments`, of which those at the positions in `secret` are one."""
    for index, assignment in enumerate(assignments):
        if index in secret:
            remember(assignment.value)
        elif "://" in assignment.value:
            for each in passwords(assignment.value):
                remember(each)


def secret_assignments(assignments: Sequence[Assignment], names: Names | None = None) -> frozenset[int]:
    """Return the positions in `assignments` whose value is a secret, contains one, or is a part of one.

    A value that refers to a secret contains it. A variable outside the table that goes into the value of a secret
    is a part of it (`T=abc`, `TELEPORT_JOIN_TOKEN=$T`).
    """
    names = names or Names(assignments)
    by_name = {name for name in names.last if names.is_secret(name)}
    waiting = [index for index, assignment in enumerate(assignments) if assignment.name in by_name]
    if not names.referred:
        return frozenset(waiting)
    latest: dict[str, int] = {}
    referred: list[list[int]] = []  # to which earlier positions the value at each position refers
    referring: list[list[int]] = [[] for _ in assignments]
    for index, assignment in enumerate(assignments):
        referred.append([latest[name] for name in assignment.references if name in latest])
        for position in referred[index]:
            referring[position].append(index)
        latest[assignment.name] = index
    secret: set[int] = set()
    while waiting:
        index = waiting.pop()
        if index in secret:
            continue
        secret.add(index)
        waiting.extend(referring[index])
        if assignments[index].name in by_name:
            waiting.extend(position for position in referred[index] if assignments[position].name in names.unknown)
    return frozenset(secret)
