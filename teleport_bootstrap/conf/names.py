"""The names that a conf assigns, each looked up once, and what is wrong with those that are not in the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teleport_bootstrap import roles
from teleport_bootstrap.conf import slips, variables
from teleport_bootstrap.conf.few import Remark
from teleport_bootstrap.conf.grammar import Assignment
from teleport_bootstrap.conf.slips import Likeness
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.hints import Any


class Names:
    """The names in `assignments`.

    `last` are the positions of their last assignments, which count. Each is `known` as a variable, or `unknown`.
    `referred` are those that a value refers to.
    """

    def __init__(self, assignments: Sequence[Assignment]) -> None:
        self.last: dict[str, int] = {each.name: index for index, each in enumerate(assignments)}
        found = {name: variables.find(name) for name in self.last}
        self.known: dict[str, Variable[Any]] = {name: each for name, each in found.items() if each is not None}
        self.unknown: dict[str, Likeness] = {name: slips.likeness(name) for name, each in found.items() if each is None}
        self.referred = frozenset(name for each in assignments for name in each.references)

    def is_secret(self, name: str) -> bool:
        """Whether the value of `name` is a secret by its name."""
        variable = self.known.get(name)
        return self.unknown[name].is_secret if variable is None else variable.secret


def misnamed(assignments: Sequence[Assignment], names: Names) -> Iterator[Remark]:
    """Yield an error for each name that was meant to be one of ours, where that loses what it was to say.

    A name that an assignment refers to is the operator's own.
    """
    for name, likeness in names.unknown.items():
        assignment = assignments[names.last[name]]
        if not assignment.value or name in names.referred:
            continue
        if _is_role(assignment, likeness, names, assignments):
            role = variables.TELEPORT_ROLE.name
            message = f"{name} is not a variable of this agent; without {role}, an instance is an all-in-one"
            yield about(assignment, message, f"did you mean {role}?")
        meant = likeness.mistyped
        # Where the other one is set too, a warning says that this one has no effect.
        if meant not in (None, variables.TELEPORT_ROLE.name) and not _is_set(meant, names, assignments):
            message = f"{name} is not a variable of this agent, and {meant} is not set"
            yield about(assignment, message, f"did you mean {meant}?")


def about(assignment: Assignment, message: str, remedy: str) -> Remark:
    """Return a remark about an assignment."""
    return Remark(assignment.line, assignment.column, assignment.name, message, remedy)


def _is_role(assignment: Assignment, likeness: Likeness, names: Names, assignments: Sequence[Assignment]) -> bool:
    """Return whether a name was meant to be TELEPORT_ROLE: without it, an instance is an all-in-one.

    A slip of that name is one whatever its value. Another name with `ROLE` in it is one when its value names roles
    (`ROLE` alone: unless its value is an ARN), unless TELEPORT_ROLE is set.
    """
    role = variables.TELEPORT_ROLE.name
    if likeness.mistyped == role:
        return True
    meant = likeness.unprefixed == role and ":" not in assignment.value
    meant = meant or ("ROLE" in assignment.name.upper() and _names_roles(assignment.value))
    return meant and not _is_set(role, names, assignments)


def _is_set(name: str | None, names: Names, assignments: Sequence[Assignment]) -> bool:
    return name in names.last and assignments[names.last[name]].value != ""


def _names_roles(value: str) -> bool:
    """Return whether every word of the value is one of those that TELEPORT_ROLE takes."""
    words = [word for value in roles.BY_CONF_VALUE for word in value.split(",")]
    parts = [part.strip().lower().removesuffix("s") for part in value.split(",")]
    return all(part in (*words, "all", "all-in-one", "monitor") for part in parts)
