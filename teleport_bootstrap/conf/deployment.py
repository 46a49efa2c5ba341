"""What a conf makes of an instance: the value that the defaults and requirements of variables are functions of."""

from __future__ import annotations

import enum

from teleport_bootstrap import roles
from teleport_bootstrap.records import dataclass


class Tls(enum.Enum):
    """Where TLS of the proxy's web port ends, and with which certificate."""

    SELF_SIGNED = "self-signed"
    LETSENCRYPT = "letsencrypt"
    ACM = "acm"


DYNAMODB, ATHENA = "dynamodb", "athena"


@dataclass(frozen=True)
class Deployment:
    """What this instance is to be.

    `plain_http` says that an ALB speaks plain HTTP to Teleport, which then runs with --insecure-no-tls. `letsencrypt`
    says that certificates are obtained or renewed here, which auth servers do for their proxies. `web_port` is the port
    that the conf sets for the web, None where it sets none. `event_stores` say where the audit log goes, first where it
    is read: DYNAMODB, ATHENA, both, or none for the instance's own disk. `assigned` are the names of all variables that
    the conf sets, `enabled` of those that it sets to true. `joins_through_proxy` says that the way to the cluster is a
    proxy, not the auth server. `with_node` says that an auth server or a proxy serves SSH of its own host too.
    """

    role: roles.Role
    fips: bool
    assigned: frozenset[str]
    enabled: frozenset[str]
    cluster: str | None = None
    acm: bool = False
    tls_routing: bool = False
    dynamodb: bool = False
    plain_http: bool = False
    letsencrypt: bool = False
    join_method: str = ""
    web_port: int | None = None
    event_stores: tuple[str, ...] = ()
    joins_through_proxy: bool = False
    with_node: bool = False

    @property
    def place(self) -> roles.Place:
        """Marker, unit and account of the role."""
        return roles.place(self.role, acm=self.acm, with_node=self.with_node)

    @property
    def is_starter(self) -> bool:
        """Whether this is the starter cluster: an all-in-one that says so with TELEPORT_ROLE.

        Its Terraform files set up other load balancers than the guide, which sets no role.
        """
        return self.role is roles.Role.ALL and "TELEPORT_ROLE" in self.assigned

    @property
    def tls(self) -> Tls:
        """How the proxy of this instance gets its certificate."""
        if self.acm:
            return Tls.ACM
        return Tls.LETSENCRYPT if self.letsencrypt and self.role.runs_proxy else Tls.SELF_SIGNED
