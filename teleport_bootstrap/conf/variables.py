"""The table of the conf's variables: each a constant here, named exactly as the operator writes it.

conf.value(variables.TELEPORT_EXTERNAL_PORT)  # int | None
"""

from __future__ import annotations

import difflib
from typing import Any

from teleport_bootstrap.conf import table
from teleport_bootstrap.conf.table import *  # noqa: F403
from teleport_bootstrap.conf.variable import Group
from teleport_bootstrap.conf.variable import Variable as Variable  # noqa: PLC0414 - part of this module's interface
from teleport_bootstrap.secret import looks_secret

GROUPS: list[Group] = []
for _name, _value in vars(table).items():
    if isinstance(_value, Group):
        GROUPS.append(_value)
    elif isinstance(_value, Variable):
        _value.name = _name
        GROUPS[-1].variables.append(_value)
TABLE: tuple[Variable[Any], ...] = tuple(variable for group in GROUPS for variable in group.variables)
BY_NAME: dict[str, Variable[Any]] = {variable.name: variable for variable in TABLE}

_OUR_PREFIXES = ("TELEPORT_", "USE_", "EC2_")


def looks_like_ours(name: str) -> bool:
    """Whether a name that is not in the table was probably meant to be."""
    return name.upper().startswith(_OUR_PREFIXES) or name.upper() in BY_NAME


def nearest(name: str) -> str | None:
    """Return the variable that was probably meant by `name`, or None when nothing is near."""
    found = difflib.get_close_matches(name.upper(), list(BY_NAME), n=1, cutoff=0.8)
    return found[0] if found else None


def is_secret_name(name: str) -> bool:
    """Whether a variable is declared secret or, being unknown to us, is named like one, or like one mistyped."""
    variable = BY_NAME.get(name)
    if variable is not None:
        return variable.secret
    meant = nearest(name)
    return looks_secret(name) or (meant is not None and BY_NAME[meant].secret)
