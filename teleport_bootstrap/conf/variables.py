"""The table of the conf's variables: each a constant here, named exactly as the operator writes it.

conf.value(variables.TELEPORT_EXTERNAL_PORT)  # Optional[int]
"""

from __future__ import annotations

from typing import Any

from teleport_bootstrap.conf.table import agent, cluster, labels, network, storage
from teleport_bootstrap.conf.table.agent import *  # noqa: F403
from teleport_bootstrap.conf.table.cluster import *  # noqa: F403
from teleport_bootstrap.conf.table.labels import *  # noqa: F403
from teleport_bootstrap.conf.table.network import *  # noqa: F403
from teleport_bootstrap.conf.table.storage import *  # noqa: F403
from teleport_bootstrap.conf.variable import Group
from teleport_bootstrap.conf.variable import Variable as Variable  # noqa: PLC0414 - part of this module's interface

GROUPS: tuple[Group, ...] = (
    cluster.GROUP,
    network.GROUP,
    network.CERTIFICATES,
    storage.GROUP,
    cluster.JOINING,
    labels.GROUP,
    agent.GROUP,
)
TABLE: tuple[Variable[Any], ...] = tuple(variable for group in GROUPS for variable in group.variables)
BY_NAME: dict[str, Variable[Any]] = {variable.name: variable for variable in TABLE}
