"""What has to be given, and what cannot go together: the rules that look at more than one variable."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from teleport_bootstrap import roles
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.finding import ERROR, Finding, Place, in_order_of_place
from teleport_bootstrap.plan import deployment

Variable = variables.Variable[Any]

STORAGE = (
    variables.TELEPORT_DYNAMO_TABLE_NAME,
    variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME,
    variables.TELEPORT_S3_BUCKET,
)

SINGLE_SIGN_ON = ("github", "saml", "oidc")

_REQUIRED: dict[roles.Role, tuple[Variable, ...]] = {
    roles.Role.ALL: (),
    roles.Role.AUTH: (
        variables.TELEPORT_AUTH_SERVER_LB,
        *STORAGE,
        variables.TELEPORT_LOCKS_TABLE_NAME,
    ),
    roles.Role.PROXY: (variables.TELEPORT_DOMAIN_NAME, variables.TELEPORT_AUTH_SERVER_LB),
    roles.Role.NODE: (variables.TELEPORT_AUTH_SERVER_LB,),
    roles.Role.AGENT: (variables.TELEPORT_PROXY_SERVER_LB,),
}

LABELS = (
    variables.TELEPORT_SSH_LABELS,
    variables.TELEPORT_AGENT_SSH_LABELS,
    variables.TELEPORT_AGENT_DB_LABELS,
    variables.TELEPORT_AGENT_APP_LABELS,
    variables.TELEPORT_AGENT_KUBE_LABELS,
)

# YAML 1.2, section 7.4.2: a key on one line with its value has at most 1024 characters, the quotes and more included.
LONGEST_LABEL_KEY = 1000

# For each service of an agent: what switches it on, and what it then needs.
AGENT_SERVICES: tuple[tuple[Variable, tuple[Variable, ...]], ...] = (
    (variables.TELEPORT_AGENT_SSH_ENABLED, ()),
    (
        variables.TELEPORT_AGENT_DB_ENABLED,
        (
            variables.TELEPORT_AGENT_DB_NAME,
            variables.TELEPORT_AGENT_DB_PROTOCOL,
            variables.TELEPORT_AGENT_DB_URI,
        ),
    ),
    (
        variables.TELEPORT_AGENT_APP_ENABLED,
        (variables.TELEPORT_AGENT_APP_NAME, variables.TELEPORT_AGENT_APP_URI),
    ),
    (variables.TELEPORT_AGENT_KUBE_ENABLED, ()),
)


def check(conf: conf_file.Conf, *, fips: bool = False) -> tuple[Finding, ...]:
    """Return everything in `conf` that cannot work, all at once and in line order."""
    found = [
        *_missing(conf),
        *_tls(conf),
        *_storage(conf),
        *_joining(conf),
        *_agent(conf),
        *_names(conf),
        *_labels(conf),
        *(_fips(conf) if fips else ()),
    ]
    return in_order_of_place(found)


def _needed(conf: conf_file.Conf, variable: Variable, why: str, hint: str = "") -> Finding:
    message = f"{variable.name} is not set, but {why}"
    return Finding(
        ERROR, "conf-missing-variable", variable.name, message, hint or f"add {variable.name}=…", Place(conf.path)
    )


def _at(conf: conf_file.Conf, variable: Variable, message: str, hint: str) -> Finding:
    setting = conf.setting(variable)
    place = Place(conf.path, setting.line, setting.column) if setting is not None else Place(conf.path)
    return Finding(ERROR, "conf-combination", variable.name, message, hint, place)


def _missing(conf: conf_file.Conf) -> Iterator[Finding]:
    role = deployment.role(conf)
    for variable in _REQUIRED[role]:
        if conf.value(variable) is None:
            yield _needed(conf, variable, f"the role {role.value} needs it")
    named = conf.value(variables.TELEPORT_CLUSTER_NAME) or conf.value(variables.TELEPORT_DOMAIN_NAME)
    # A proxy needs the domain anyway, and hearing of it once is enough; an agent asks its proxy.
    if role in (roles.Role.AUTH, roles.Role.NODE) and named is None:
        yield _needed(
            conf,
            variables.TELEPORT_CLUSTER_NAME,
            f"the role {role.value} needs it to know which cluster it belongs to",
            "add TELEPORT_CLUSTER_NAME=… or TELEPORT_DOMAIN_NAME=…",
        )
    if role is roles.Role.ALL and conf.value(variables.TELEPORT_LICENSE_PATH) and named is None:
        yield _needed(
            conf,
            variables.TELEPORT_CLUSTER_NAME,
            "the license is read from the SSM parameter /teleport/<cluster name>/license",
            "add TELEPORT_CLUSTER_NAME=… or TELEPORT_DOMAIN_NAME=…",
        )


def _tls(conf: conf_file.Conf) -> Iterator[Finding]:
    decided = deployment.decide(conf, fips=False)
    if decided.letsencrypt and conf.value(variables.USE_ACM):
        yield _at(
            conf,
            variables.USE_LETSENCRYPT,
            "USE_LETSENCRYPT and USE_ACM are both true, but a certificate comes from one of them",
            "keep the one you use and remove the other",
        )
    elif decided.letsencrypt:
        asked = conf.value(variables.USE_LETSENCRYPT)
        why = (
            "USE_LETSENCRYPT is true" if asked else f"the role {decided.role.value} uses Let's Encrypt without USE_ACM"
        )
        needs: tuple[Variable, ...] = (variables.TELEPORT_DOMAIN_NAME, variables.TELEPORT_S3_BUCKET)
        if decided.role.runs_auth:
            needs = (variables.TELEPORT_DOMAIN_ADMIN_EMAIL, *needs)
        for variable in needs:
            if conf.value(variable) is None and variable not in _REQUIRED[decided.role]:
                yield _needed(conf, variable, why, f"add {variable.name}=…, or USE_LETSENCRYPT=false, or USE_ACM=true")
    if decided.acm and conf.value(variables.TELEPORT_DOMAIN_NAME) is None and decided.role is roles.Role.ALL:
        yield _needed(
            conf,
            variables.TELEPORT_DOMAIN_NAME,
            "USE_ACM is true",
            "add TELEPORT_DOMAIN_NAME=… with the name on the certificate",
        )
    if decided.plain_http and decided.tls_routing:
        yield _at(
            conf,
            variables.USE_TLS_ROUTING,
            "USE_TLS_ROUTING cannot work behind a load balancer target that speaks plain HTTP",
            "set TELEPORT_ACM_TARGET_PROTOCOL=https and the target group to HTTPS, or USE_TLS_ROUTING=false",
        )
    if decided.plain_http and conf.value(variables.TELEPORT_ENABLE_MONGODB):
        yield _at(
            conf,
            variables.TELEPORT_ENABLE_MONGODB,
            "MongoDB needs TLS, which Teleport does not serve behind a target that speaks plain HTTP",
            "set TELEPORT_ACM_TARGET_PROTOCOL=https and the target group to HTTPS, or TELEPORT_ENABLE_MONGODB=false",
        )


def _storage(conf: conf_file.Conf) -> Iterator[Finding]:
    if deployment.role(conf) is not roles.Role.ALL:
        return
    tables = [variable for variable in STORAGE[:2] if conf.value(variable) is not None]
    for variable in STORAGE:
        if tables and conf.value(variable) is None:
            yield _at(
                conf,
                tables[0],
                f"{tables[0].name} asks for DynamoDB storage, but {variable.name} is not set",
                f"add {variable.name}=…, or remove {tables[0].name} to store the cluster on this instance",
            )


def _joining(conf: conf_file.Conf) -> Iterator[Finding]:
    role = deployment.role(conf)
    method = conf.value(variables.TELEPORT_JOIN_METHOD) or "token"
    if not role.joins:
        return
    if method != "token" and conf.value(variables.TELEPORT_JOIN_TOKEN_NAME) is None:
        yield _at(
            conf,
            variables.TELEPORT_JOIN_METHOD,
            f"TELEPORT_JOIN_METHOD={method} needs the name of the token resource to join with",
            "add TELEPORT_JOIN_TOKEN_NAME=…",
        )
    if role is roles.Role.AGENT and method == "token" and conf.value(variables.TELEPORT_JOIN_TOKEN) is None:
        yield _needed(
            conf,
            variables.TELEPORT_JOIN_TOKEN,
            "an agent joins with it",
            "add TELEPORT_JOIN_TOKEN=…, or TELEPORT_JOIN_METHOD=iam with TELEPORT_JOIN_TOKEN_NAME=…",
        )


def _agent(conf: conf_file.Conf) -> Iterator[Finding]:
    if deployment.role(conf) is not roles.Role.AGENT:
        return
    enabled = [(switch, needs) for switch, needs in AGENT_SERVICES if conf.value(switch)]
    if not enabled:
        switches = [switch.name for switch, _ in AGENT_SERVICES]
        yield _at(
            conf,
            variables.TELEPORT_ROLE,
            "TELEPORT_ROLE=agent with no service enabled would serve nothing",
            f"set one of {', '.join(switches)} to true",
        )
    for switch, needs in enabled:
        for variable in needs:
            if conf.value(variable) is None:
                yield _at(
                    conf, switch, f"{switch.name} is true, but {variable.name} is not set", f"add {variable.name}=…"
                )


def _names(conf: conf_file.Conf) -> Iterator[Finding]:
    domain = conf.value(variables.TELEPORT_DOMAIN_NAME)
    hostname = conf.value(variables.TELEPORT_EXTERNAL_HOSTNAME)
    if deployment.role(conf) is not roles.Role.ALL or domain is None or hostname is None:
        return
    if _is_address(hostname) or not f".{hostname.lower()}".endswith(f".{domain.lower()}"):
        yield _at(
            conf,
            variables.TELEPORT_EXTERNAL_HOSTNAME,
            f"TELEPORT_EXTERNAL_HOSTNAME {hostname} is neither {domain} nor under it, so that browsers would refuse "
            "WebAuthn for people who sign in there",
            f"use {domain} or a name that ends in .{domain}, or change TELEPORT_DOMAIN_NAME",
        )


def _labels(conf: conf_file.Conf) -> Iterator[Finding]:
    for variable in LABELS:
        for key, _ in conf.value(variable) or ():
            if len(key) > LONGEST_LABEL_KEY:
                yield _at(
                    conf,
                    variable,
                    f"{variable.name} has a label key that is too long for YAML: {len(key)} characters, beginning with "
                    f"{key[:40]}",
                    f"write at most {LONGEST_LABEL_KEY}",
                )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _fips(conf: conf_file.Conf) -> Iterator[Finding]:
    if not deployment.role(conf).runs_auth:
        return
    kind = conf.value(variables.TELEPORT_AUTH_TYPE)
    if kind not in SINGLE_SIGN_ON:
        yield _at(
            conf,
            variables.TELEPORT_AUTH_TYPE,
            "a FIPS Teleport has no local users, and TELEPORT_AUTH_TYPE "
            + ("is not set" if kind is None else f"is {kind}"),
            f"set TELEPORT_AUTH_TYPE to {', '.join(SINGLE_SIGN_ON[:-1])} or {SINGLE_SIGN_ON[-1]}",
        )
