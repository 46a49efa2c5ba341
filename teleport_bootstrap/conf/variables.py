"""The table of the conf's variables: each a constant here, named exactly as the operator writes it.

conf.value(variables.TELEPORT_EXTERNAL_PORT)  # int | None
"""

from __future__ import annotations

import functools

from teleport_bootstrap import records
from teleport_bootstrap.conf import resource, table
from teleport_bootstrap.conf.table import *  # noqa: F403
from teleport_bootstrap.conf.variable import Group
from teleport_bootstrap.conf.variable import Variable as Variable  # noqa: PLC0414 - part of this module's interface
from teleport_bootstrap.hints import Any, TypeVar

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
_OF_RESOURCES = tuple(kind.prefix for kind in resource.KINDS)


@functools.lru_cache(maxsize=4096)
def find(name: str) -> Variable[Any] | None:
    """Return the variable of that name, which may have a number in it; None where there is none."""
    variable = BY_NAME.get(name)
    if variable is not None:
        return variable
    for kind in resource.KINDS if name.startswith(_OF_RESOURCES) else ():
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
