"""The table of the conf's variables: each a constant here, named exactly as the operator writes it.

conf.value(variables.TELEPORT_EXTERNAL_PORT)  # int | None
"""

from __future__ import annotations

import difflib
from typing import Any

from teleport_bootstrap.conf.table import agent, certificates, cluster, joining, labels, network, storage
from teleport_bootstrap.conf.table.agent import *  # noqa: F403
from teleport_bootstrap.conf.table.certificates import *  # noqa: F403
from teleport_bootstrap.conf.table.cluster import *  # noqa: F403
from teleport_bootstrap.conf.table.joining import *  # noqa: F403
from teleport_bootstrap.conf.table.labels import *  # noqa: F403
from teleport_bootstrap.conf.table.network import *  # noqa: F403
from teleport_bootstrap.conf.table.storage import *  # noqa: F403
from teleport_bootstrap.conf.variable import Group
from teleport_bootstrap.conf.variable import Variable as Variable  # noqa: PLC0414 - part of this module's interface

# Each module declares one group, with its variables in the order of the manual.
GROUPS = tuple(
    Group(
        module.TITLE,
        module.INTRODUCTION,
        tuple(value for value in vars(module).values() if isinstance(value, Variable)),
    )
    for module in (cluster, network, certificates, storage, joining, labels, agent)
)
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
