"""The deployment that a conf describes."""

from __future__ import annotations

from teleport_bootstrap import roles
from teleport_bootstrap.conf import deployment, kinds, variables
from teleport_bootstrap.conf.conf_file import Conf
from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.hints import TypeVar
from teleport_bootstrap.records import replace

T = TypeVar("T")


def role(conf: Conf) -> roles.Role:
    """Return the role that the conf sets, or the default one."""
    return roles.BY_CONF_VALUE[conf.value(variables.TELEPORT_ROLE) or roles.DEFAULT]


def decide(conf: Conf, *, fips: bool) -> Deployment:
    """Return the deployment that `conf` describes, without judging whether it can work: see `plan.requirements`.

    `fips` is what the image says; TELEPORT_FIPS overrules it.
    """
    chosen = role(conf)
    said = conf.value(variables.TELEPORT_FIPS)
    assigned = {setting.variable.name: setting.value for setting in conf.settings.values()}
    start = Deployment(
        role=chosen,
        fips=fips if said is None else said,
        assigned=frozenset(assigned),
        enabled=frozenset(name for name, value in assigned.items() if value is True),
        cluster=conf.value(variables.TELEPORT_CLUSTER_NAME) or conf.value(variables.TELEPORT_DOMAIN_NAME),
        acm=conf.value(variables.USE_ACM) is True and chosen.runs_proxy,
        tls_routing=conf.value(variables.USE_TLS_ROUTING) is True and (chosen.runs_auth or chosen.runs_proxy),
        dynamodb=chosen.runs_auth and conf.value(variables.TELEPORT_DYNAMO_TABLE_NAME) is not None,
        with_node=(conf.value(variables.TELEPORT_ROLE) or roles.DEFAULT) in roles.WITH_NODE,
        web_port=conf.value(variables.TELEPORT_WEB_LISTEN_PORT),
        event_stores=_event_stores(conf) if chosen.runs_auth else (),
    )
    plain_http = start.acm and _value(conf, variables.TELEPORT_ACM_TARGET_PROTOCOL, start) == "http"
    letsencrypt = chosen in variables.USE_LETSENCRYPT.roles and _value(conf, variables.USE_LETSENCRYPT, start)
    # Its Terraform files pass both switches of Let's Encrypt and ACM, and expect TLS routing behind the balancer. A
    # target that speaks plain HTTP cannot carry that.
    balanced_starter = start.is_starter and start.acm
    return replace(
        start,
        plain_http=plain_http,
        letsencrypt=letsencrypt and not balanced_starter,
        tls_routing=start.tls_routing or (balanced_starter and not plain_http),
        join_method=_value(conf, variables.TELEPORT_JOIN_METHOD, start),
        joins_through_proxy=chosen is roles.Role.AGENT
        or (chosen is roles.Role.NODE and _value(conf, variables.TELEPORT_JOIN_THROUGH, start) == "proxy"),
    )


def _event_stores(conf: Conf) -> tuple[str, ...]:
    if conf.value(variables.TELEPORT_ATHENA_EVENTS_URI) is None:
        return (deployment.DYNAMODB,) if conf.value(variables.TELEPORT_DYNAMO_TABLE_NAME) is not None else ()
    mode = conf.value(variables.TELEPORT_ATHENA_MIGRATION_MODE)
    return {
        kinds.DYNAMODB_FIRST: (deployment.DYNAMODB, deployment.ATHENA),
        kinds.ATHENA_FIRST: (deployment.ATHENA, deployment.DYNAMODB),
    }.get(mode or "", (deployment.ATHENA,))


def _value(conf: Conf, variable: variables.Variable[T], start: Deployment) -> T:
    """Return the value in the conf, or the default."""
    value = conf.value(variable)
    return variable.default_for(start) if value is None else value
