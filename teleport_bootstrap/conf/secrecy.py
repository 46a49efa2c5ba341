"""Which assignments of a conf hold a secret, so that nothing ever shows their value."""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap.conf import secret_names, variables
from teleport_bootstrap.conf.grammar import Assignment


def is_secret_name(name: str) -> bool:
    """Whether a variable is declared secret or, being unknown to us, is named like one, or like one mistyped."""
    variable = variables.BY_NAME.get(name)
    if variable is not None:
        return variable.secret
    meant = variables.nearest(name)
    return secret_names.looks_secret(name) or (meant is not None and variables.BY_NAME[meant].secret)


def secret_assignments(assignments: Sequence[Assignment]) -> frozenset[int]:
    """Return the positions in `assignments` whose value is a secret, contains one, or is a part of one.

    A value that refers to a secret contains it. A variable outside the table that goes into the value of a secret
    is a part of it (`T=abc`, `TELEPORT_JOIN_TOKEN=$T`).
    """
    latest: dict[str, int] = {}
    referred: list[list[int]] = []  # to which earlier positions the value at each position refers
    referring: list[list[int]] = [[] for _ in assignments]
    for index, assignment in enumerate(assignments):
        referred.append([latest[name] for name in assignment.references if name in latest])
        for position in referred[index]:
            referring[position].append(index)
        latest[assignment.name] = index
    secret: set[int] = set()
    waiting = [index for index, assignment in enumerate(assignments) if is_secret_name(assignment.name)]
    while waiting:
        index = waiting.pop()
        if index in secret:
            continue
        secret.add(index)
        waiting.extend(referring[index])
        if is_secret_name(assignments[index].name):
            waiting.extend(
                position for position in referred[index] if assignments[position].name not in variables.BY_NAME
            )
    return frozenset(secret)
