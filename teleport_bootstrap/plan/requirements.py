"""What is missing in a conf, by the table of variables, and which values cannot go together."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.conf import conf_file, decision, kinds, variables
from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.finding import ERROR, Finding, Place, in_order_of_place
from teleport_bootstrap.roles import Role

_TABLES = (variables.TELEPORT_DYNAMO_TABLE_NAME, variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME)

# YAML 1.2, section 7.4.2: a key on one line with its value has at most 1024 characters, the quotes and more included.
LONGEST_LABEL_KEY = 1000


def check(conf: conf_file.Conf, *, fips: bool = False) -> tuple[Finding, ...]:
    """Return everything in `conf` that cannot work, in line order; what is missing without a line comes last."""
    decided = decision.decide(conf, fips=fips)
    return in_order_of_place(
        [
            *_missing(conf, decided),
            *_tls(conf, decided),
            *_storage(conf, decided),
            *_agent(conf, decided),
            *_names(conf, decided),
            *_labels(conf),
            *_fips(conf, decided),
        ]
    )


def _missing(conf: conf_file.Conf, decided: Deployment) -> Iterator[Finding]:
    for variable in variables.TABLE:
        required = next((each for each in variable.required if each.when(decided)), None)
        if required is None or variable.name in decided.assigned:
            continue
        words = {"name": variable.name, "role": decided.role.value, "join_method": decided.join_method}
        message = f"{variable.name} is not set, but {required.why.format(**words)}"
        place = _place(conf, required.asked_by)
        yield Finding(ERROR, "conf-missing-variable", variable.name, message, required.remedy.format(**words), place)


def _place(conf: conf_file.Conf, name: str) -> Place:
    setting = conf.settings.get(name)
    return Place(conf.path, setting.line, setting.column) if setting is not None else Place(conf.path)


def _at(conf: conf_file.Conf, name: str, message: str, remedy: str) -> Finding:
    return Finding(ERROR, "conf-combination", name, message, remedy, _place(conf, name))


def _tls(conf: conf_file.Conf, decided: Deployment) -> Iterator[Finding]:
    if decided.letsencrypt and conf.value(variables.USE_ACM):
        yield _at(
            conf,
            "USE_LETSENCRYPT",
            "USE_LETSENCRYPT and USE_ACM are both true, but a certificate comes from one of them",
            "keep the one you use and remove the other",
        )
    if decided.plain_http and decided.tls_routing:
        yield _at(
            conf,
            "USE_TLS_ROUTING",
            "USE_TLS_ROUTING cannot work behind a load balancer target that speaks plain HTTP",
            "set TELEPORT_ACM_TARGET_PROTOCOL=https and the target group to HTTPS, or USE_TLS_ROUTING=false",
        )
    if decided.plain_http and conf.value(variables.TELEPORT_ENABLE_MONGODB):
        yield _at(
            conf,
            "TELEPORT_ENABLE_MONGODB",
            "MongoDB needs TLS, which Teleport does not serve behind a target that speaks plain HTTP",
            "set TELEPORT_ACM_TARGET_PROTOCOL=https and the target group to HTTPS, or TELEPORT_ENABLE_MONGODB=false",
        )


def _storage(conf: conf_file.Conf, decided: Deployment) -> Iterator[Finding]:
    table = next((variable.name for variable in _TABLES if variable.name in decided.assigned), None)
    if decided.role is not Role.ALL or table is None:
        return
    for variable in (*_TABLES, variables.TELEPORT_S3_BUCKET):
        if variable.name not in decided.assigned:
            yield _at(
                conf,
                table,
                f"{table} asks for DynamoDB storage, but {variable.name} is not set",
                f"add {variable.name}=…, or remove {table} to store the cluster on this instance",
            )


def _agent(conf: conf_file.Conf, decided: Deployment) -> Iterator[Finding]:
    if decided.role is Role.AGENT and decided.enabled.isdisjoint(variables.SWITCHES):
        yield _at(
            conf,
            "TELEPORT_ROLE",
            "TELEPORT_ROLE=agent with no service enabled would serve nothing",
            f"set one of {', '.join(variables.SWITCHES)} to true",
        )


def _names(conf: conf_file.Conf, decided: Deployment) -> Iterator[Finding]:
    domain = conf.value(variables.TELEPORT_DOMAIN_NAME)
    hostname = conf.value(variables.TELEPORT_EXTERNAL_HOSTNAME)
    if decided.role is not Role.ALL or domain is None or hostname is None:
        return
    if kinds.is_address(hostname) or not f".{hostname.lower()}".endswith(f".{domain.lower()}"):
        yield _at(
            conf,
            "TELEPORT_EXTERNAL_HOSTNAME",
            f"TELEPORT_EXTERNAL_HOSTNAME {hostname} is neither {domain} nor under it, so that browsers would refuse "
            "WebAuthn for people who sign in there",
            f"use {domain} or a name that ends in .{domain}, or change TELEPORT_DOMAIN_NAME",
        )


def _labels(conf: conf_file.Conf) -> Iterator[Finding]:
    for name, setting in conf.settings.items():
        for key, _ in setting.value if setting.variable.kind is kinds.LABELS else ():
            if len(key) > LONGEST_LABEL_KEY:
                yield _at(
                    conf,
                    name,
                    f"{name} has a label key that is too long for YAML: {len(key)} characters, beginning with "
                    f"{key[:40]}",
                    f"write at most {LONGEST_LABEL_KEY}",
                )


def _fips(conf: conf_file.Conf, decided: Deployment) -> Iterator[Finding]:
    if decided.fips and decided.role.runs_auth and conf.value(variables.TELEPORT_AUTH_TYPE) == "local":
        yield _at(
            conf,
            "TELEPORT_AUTH_TYPE",
            "a FIPS Teleport has no local users, and TELEPORT_AUTH_TYPE is local",
            "set TELEPORT_AUTH_TYPE to github, saml or oidc",
        )
