"""What an agent gives access to: each database, application or cluster is a few variables with one beginning.

Of some kinds there may be several: `TELEPORT_AGENT_DB_NAME` and `TELEPORT_AGENT_DB_2_NAME` name two databases.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.records import dataclass

# The number of a resource is at most this.
MOST = 99


@dataclass(frozen=True)
class Kind:
    """A kind of resource: how its variables begin, the variable that enables it, and its name in messages.

    `path` is where teleport.yaml has it: a service, and the key of its list where there may be several.
    """

    prefix: str
    switch: str
    word: str
    path: tuple[str, ...]

    @property
    def is_list(self) -> bool:
        """Whether there may be several."""
        return len(self.path) > 1

    def name(self, number: int, variable: str) -> str:
        """Return what `variable`, the one without a number, is called for the resource `number`."""
        return variable if number == 0 else f"{self.prefix}_{number}{variable[len(self.prefix) :]}"

    def unnumbered(self, name: str) -> tuple[str, int] | None:
        """Return the variable and the number in `name`, such as TELEPORT_AGENT_DB_2_URI; None where it has none."""
        match = re.fullmatch(rf"({self.prefix})_([1-9][0-9]?)(_[A-Z_]+)", name, re.ASCII) if self.is_list else None
        return None if match is None else (match[1] + match[3], int(match[2]))


class Resource(NamedTuple):
    """One resource; the number is 0 for that of the variables without one."""

    kind: Kind
    number: int

    def __str__(self) -> str:
        return f"{self.kind.word} {self.number}" if self.number else f"the {self.kind.word}"

    def name(self, variable: str) -> str:
        """Return what `variable`, the one without a number, is called for this resource."""
        return self.kind.name(self.number, variable)


DATABASE = Kind("TELEPORT_AGENT_DB", "TELEPORT_AGENT_DB_ENABLED", "database", ("db_service", "databases"))
DATABASES_OF_AWS = Kind(
    "TELEPORT_AGENT_DB_AWS", "TELEPORT_AGENT_DB_ENABLED", "matcher of AWS databases", ("db_service", "aws")
)
APPLICATION = Kind("TELEPORT_AGENT_APP", "TELEPORT_AGENT_APP_ENABLED", "application", ("app_service", "apps"))
KUBERNETES = Kind("TELEPORT_AGENT_KUBE", "TELEPORT_AGENT_KUBE_ENABLED", "Kubernetes cluster", ("kubernetes_service",))
KINDS = (DATABASES_OF_AWS, DATABASE, APPLICATION, KUBERNETES)


def described(kind: Kind, variables: Iterable[str], assigned: Collection[str]) -> list[Resource]:
    """Return the resources of `kind` that the names in `assigned` describe, by their numbers.

    `variables` are the names of the kind's variables without a number.
    """
    known = frozenset(variables)
    numbers = {0} if not known.isdisjoint(assigned) else set()
    for name in assigned:
        found = kind.unnumbered(name)
        if found is not None and found[0] in known:
            numbers.add(found[1])
    return [Resource(kind, number) for number in sorted(numbers)]
