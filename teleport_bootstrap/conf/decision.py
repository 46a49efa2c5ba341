"""The decisions that the conf alone allows: role, TLS, storage, joining."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from teleport_bootstrap import roles
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.roles import Role

T = TypeVar("T")


def role(conf: conf_file.Conf) -> Role:
    """Return the role that the conf sets, or the default one."""
    return roles.BY_CONF_VALUE[conf.value(variables.TELEPORT_ROLE) or roles.DEFAULT]


def decide(conf: conf_file.Conf, *, fips: bool) -> Deployment:
    """Return the deployment that `conf` describes, without judging whether it can work: see `plan.requirements`."""
    chosen = role(conf)
    assigned = {setting.variable.name: setting.value for setting in conf.settings.values()}
    start = Deployment(
        role=chosen,
        fips=fips,
        assigned=frozenset(assigned),
        enabled=frozenset(name for name, value in assigned.items() if value is True),
        cluster=conf.value(variables.TELEPORT_CLUSTER_NAME) or conf.value(variables.TELEPORT_DOMAIN_NAME),
        acm=conf.value(variables.USE_ACM) is True and chosen.runs_proxy,
        tls_routing=conf.value(variables.USE_TLS_ROUTING) is True and (chosen.runs_auth or chosen.runs_proxy),
        dynamodb=chosen.runs_auth and conf.value(variables.TELEPORT_DYNAMO_TABLE_NAME) is not None,
    )
    return dataclasses.replace(
        start,
        plain_http=start.acm and _value(conf, variables.TELEPORT_ACM_TARGET_PROTOCOL, start) == "http",
        letsencrypt=chosen in variables.USE_LETSENCRYPT.roles and _value(conf, variables.USE_LETSENCRYPT, start),
        join_method=_value(conf, variables.TELEPORT_JOIN_METHOD, start),
    )


def _value(conf: conf_file.Conf, variable: variables.Variable[T], start: Deployment) -> T:
    """Return the value in the conf, or the default."""
    value = conf.value(variable)
    return variable.default_for(start) if value is None else value
