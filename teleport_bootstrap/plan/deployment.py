"""The decisions that the conf alone allows: role, TLS, storage, joining."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from teleport_bootstrap import paths, roles
from teleport_bootstrap.conf import conf_file, variables

MARKER_PATHS = (*roles.MARKER_PATHS, paths.LETSENCRYPT_MARKER)


class Tls(enum.Enum):
    """Where TLS of the proxy's web port ends, and with which certificate."""

    SELF_SIGNED = "self-signed"
    LETSENCRYPT = "letsencrypt"
    ACM = "acm"


@dataclass(frozen=True)
class Deployment:
    """What this instance is to be.

    `plain_http` says that an ALB speaks plain HTTP to Teleport, which then runs with --insecure-no-tls. `letsencrypt`
    says that certificates are obtained or renewed here, which auth servers do for their proxies.
    """

    role: roles.Role
    place: roles.Place
    acm: bool
    plain_http: bool
    letsencrypt: bool
    tls_routing: bool
    dynamodb: bool
    fips: bool
    join_method: str
    cluster: str | None

    @property
    def tls(self) -> Tls:
        """How the proxy of this instance gets its certificate."""
        if self.acm:
            return Tls.ACM
        return Tls.LETSENCRYPT if self.letsencrypt and self.role.runs_proxy else Tls.SELF_SIGNED


def role(conf: conf_file.Conf) -> roles.Role:
    """Return the role the conf asks for; without one, the all-in-one."""
    value = conf.value(variables.TELEPORT_ROLE)
    return roles.Role.ALL if value is None else roles.BY_CONF_VALUE[value]


def decide(conf: conf_file.Conf, *, fips: bool) -> Deployment:
    """Return the deployment that `settings` describe, without judging whether it can work: see `requirements`."""
    chosen = role(conf)
    acm = conf.value(variables.USE_ACM) is True and chosen.runs_proxy
    return Deployment(
        role=chosen,
        place=roles.place(chosen, acm=acm),
        acm=acm,
        plain_http=acm and target_protocol(conf) == "http",
        letsencrypt=uses_letsencrypt(conf),
        tls_routing=conf.value(variables.USE_TLS_ROUTING) is True and (chosen.runs_auth or chosen.runs_proxy),
        dynamodb=chosen.runs_auth and conf.value(variables.TELEPORT_DYNAMO_TABLE_NAME) is not None,
        fips=fips,
        join_method=conf.value(variables.TELEPORT_JOIN_METHOD) or "token",
        cluster=conf.value(variables.TELEPORT_CLUSTER_NAME) or conf.value(variables.TELEPORT_DOMAIN_NAME),
    )


def target_protocol(conf: conf_file.Conf) -> str:
    """Return what the ALB's target group speaks: http for the guide's set-up (no role given), otherwise https.

    The guide points its target group at HTTP on 3080; the Terraform set-ups, which always give a role, at HTTPS.
    """
    given = conf.value(variables.TELEPORT_ACM_TARGET_PROTOCOL)
    if given is not None:
        return given
    return "http" if conf.value(variables.TELEPORT_ROLE) is None else "https"


def uses_letsencrypt(conf: conf_file.Conf) -> bool:
    """Return whether certificates come from Let's Encrypt: by default for auth and proxy hosts without ACM."""
    chosen = role(conf)
    if chosen in (roles.Role.NODE, roles.Role.AGENT):
        return False
    given = conf.value(variables.USE_LETSENCRYPT)
    if given is not None:
        return given
    return chosen is not roles.Role.ALL and not conf.value(variables.USE_ACM)
