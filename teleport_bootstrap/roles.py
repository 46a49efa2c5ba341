"""The roles an instance can have, and what each means for this host: marker, unit, account."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from teleport_bootstrap import paths


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
}
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


_PLACES = {
    (Role.ALL, False): Place("all", "teleport.service"),
    (Role.ALL, True): Place("all-acm", "teleport-acm.service"),
    (Role.AUTH, False): Place("auth", "teleport-auth.service", "teleport", "teleport"),
    (Role.PROXY, False): Place("proxy", "teleport-proxy.service", "teleport", "teleport"),
    (Role.PROXY, True): Place("proxy-acm", "teleport-proxy-acm.service", "teleport", "teleport"),
    (Role.NODE, False): Place("node", "teleport-node.service"),
    (Role.AGENT, False): Place("agent", "teleport.service"),
}

PLACES = tuple(_PLACES.values())
MARKER_PATHS = tuple(place.marker_path for place in PLACES)


def place(role: Role, *, acm: bool) -> Place:
    """Return marker, unit and account of `role`; `acm` matters only where a proxy runs."""
    return _PLACES[role, acm and role.runs_proxy]
