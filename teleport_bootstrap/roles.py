"""The roles an instance can have, and what each means for this host: marker, unit, account."""

from __future__ import annotations

import enum

from teleport_bootstrap import paths
from teleport_bootstrap.records import dataclass


class Role(enum.Enum):
    """What an instance does in its cluster; the value is the word used in messages."""

    ALL = "all-in-one"
    AUTH = "auth"
    PROXY = "proxy"
    NODE = "node"
    AGENT = "agent"

    @property
    def joins(self) -> bool:
        """Whether it joins a cluster that an auth server elsewhere runs."""
        return self in (Role.PROXY, Role.NODE, Role.AGENT)

    @property
    def runs_auth(self) -> bool:
        """Whether auth_service runs here."""
        return self in (Role.ALL, Role.AUTH)

    @property
    def runs_proxy(self) -> bool:
        """Whether proxy_service runs here."""
        return self in (Role.ALL, Role.PROXY)

    @property
    def has_labels(self) -> bool:
        """Whether it serves something that has labels: SSH, databases, applications, Kubernetes."""
        return self not in (Role.AUTH, Role.PROXY)


# TELEPORT_ROLE as people write it.
BY_CONF_VALUE = {
    "auth,node,proxy": Role.ALL,
    "auth": Role.AUTH,
    "proxy": Role.PROXY,
    "node": Role.NODE,
    "agent": Role.AGENT,
    "auth,node": Role.AUTH,
    "proxy,node": Role.PROXY,
}
# Those of an auth server or a proxy that is a node too. It runs as root, outside a sandbox, for the sake of sessions.
WITH_NODE = ("auth,node", "proxy,node")
DEFAULT = "auth,node,proxy"


@dataclass(frozen=True)
class Place:
    """How a role stands on this host: the word in its marker, its unit, and who owns what Teleport writes."""

    marker: str
    unit: str
    user: str = "root"
    group: str = "root"

    @property
    def marker_path(self) -> str:
        """The marker file that the unit's condition looks for."""
        return f"{paths.CONF_DIRECTORY}/role.{self.marker}"


# By role, whether it is behind ACM, and whether it is a node beside its role.
_PLACES = {
    (Role.ALL, False, False): Place("all", "teleport.service"),
    (Role.ALL, True, False): Place("all-acm", "teleport-acm.service"),
    (Role.AUTH, False, False): Place("auth", "teleport-auth.service", "teleport", "teleport"),
    (Role.AUTH, False, True): Place("auth-node", "teleport.service"),
    (Role.PROXY, False, False): Place("proxy", "teleport-proxy.service", "teleport", "teleport"),
    (Role.PROXY, False, True): Place("proxy-node", "teleport.service"),
    (Role.PROXY, True, False): Place("proxy-acm", "teleport-proxy-acm.service", "teleport", "teleport"),
    (Role.PROXY, True, True): Place("proxy-acm-node", "teleport-acm.service"),
    (Role.NODE, False, False): Place("node", "teleport-node.service"),
    (Role.AGENT, False, False): Place("agent", "teleport.service"),
}

PLACES = tuple(_PLACES.values())
MARKER_PATHS = tuple(place.marker_path for place in PLACES)
ROLE_OF_MARKER = {place.marker_path: role for (role, _, _), place in _PLACES.items()}


def place(role: Role, *, acm: bool, with_node: bool = False) -> Place:
    """Return marker, unit and account of `role`; `acm` matters only where a proxy runs.

    `with_node` says that an auth server or a proxy serves SSH of its own host too.
    """
    return _PLACES[role, acm and role.runs_proxy, with_node]
