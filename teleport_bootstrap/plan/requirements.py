"""What is missing in a conf, by the table of variables, and which values cannot go together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import errors, records
from teleport_bootstrap.conf import conf_file, decision, kinds, slips, variables
from teleport_bootstrap.conf.deployment import ATHENA, Deployment
from teleport_bootstrap.conf.resource import Resource
from teleport_bootstrap.finding import ERROR, Finding, Place, in_order_of_place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import resources
from teleport_bootstrap.roles import Role

# A variable, what is wrong with its value, and the remedy.
Problem = tuple[str, str, str]

# Each of them asks an all-in-one for storage in AWS.
_ASKING = (
    variables.TELEPORT_DYNAMO_TABLE_NAME,
    variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME,
    variables.TELEPORT_ATHENA_EVENTS_URI,
)

# YAML 1.2, section 7.4.2: a key on one line with its value has at most 1024 characters, the quotes and more included.
LONGEST_LABEL_KEY = 1000


def check(conf: conf_file.Conf, *, fips: bool = False) -> tuple[Finding, ...]:
    """Return everything in `conf` that cannot work, in line order; what is missing without a line comes last.

    What only leaves out a resource of an agent is not among it: see `left_out`.
    """
    decided = decision.decide(conf, fips=fips)
    found = _all(conf, decided)
    minor = {each for findings in resources.faults(found, decided).values() for each in findings}
    return tuple(each for each in found if each not in minor)


def load(data: bytes, path: str) -> conf_file.Conf:
    """Return the conf in `data`, the content of the file `path`. Raises ConfInvalid with all problems at once."""
    inspection = conf_file.inspect(data, path)
    if inspection.conf is None:
        raise errors.ConfInvalid(path, all_errors(inspection))
    return inspection.conf


def all_errors(inspection: conf_file.Inspection, *, fips: bool = False) -> tuple[Finding, ...]:
    """Return the errors of an invalid conf, with what else cannot work whatever the values were meant to be."""
    conf, found = inspection.valid_part, inspection.errors
    names = {each.subject for each in found}
    names |= {meant for meant in map(slips.mistyped, names) if meant is not None}
    if conf is None or variables.TELEPORT_ROLE.name in names:
        return found
    known = records.replace(conf, faults=(*conf.faults, *found))
    named = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")
    # What may only be a consequence of the values that are not valid is left for the next time.
    others = [each for each in check(known, fips=fips) if not named.search(f"{each} {each.subject}")]
    return in_order_of_place([*found, *others])


def left_out(conf: conf_file.Conf, *, fips: bool = False) -> dict[Resource, list[Finding]]:
    """Return the resources that have to be left out so that the rest of an agent works, and what is wrong with each."""
    decided = decision.decide(conf, fips=fips)
    return resources.faults((*conf.faults, *_all(conf, decided)), decided)


def _all(conf: conf_file.Conf, decided: Deployment) -> tuple[Finding, ...]:
    combinations = (
        Finding(ERROR, "conf-combination", name, message, remedy, _place(conf, name))
        for rule in (_tls, _storage, _agent, _joining, _hostnames, _labels, _fips)
        for name, message, remedy in rule(conf, decided)
    )
    return in_order_of_place([*_nothing(conf), *_missing(conf, decided), *combinations])


def _nothing(conf: conf_file.Conf) -> Iterator[Finding]:
    if not conf.assigns_known:
        message = "this conf assigns no variable of this agent, so it says nothing of what this instance is to be"
        remedy = "write at least TELEPORT_ROLE=…; TELEPORT_ROLE=auth,node,proxy is an all-in-one"
        yield Finding(ERROR, "conf-missing-variable", "TELEPORT_ROLE", message, remedy, Place(conf.path))


def _missing(conf: conf_file.Conf, decided: Deployment) -> Iterator[Finding]:
    refused = {each.subject for each in conf.faults}
    for variable in variables.TABLE:
        required = next((each for each in variable.required if each.when(decided)), None)
        if required is None:
            continue
        for name in _names(variable, decided):
            if name in decided.assigned or name in refused:
                continue
            words = {"name": name, "role": decided.role.value, "join_method": decided.join_method}
            message = f"{name} is not set, but {required.why.format(**words)}"
            place = _place(conf, required.asked_by)
            yield Finding(ERROR, "conf-missing-variable", name, message, required.remedy.format(**words), place)


def _names(variable: variables.Variable[Any], decided: Deployment) -> list[str]:
    """Return the names under which a variable is required: for a part of a resource, one for each of these."""
    if variable.of is None:
        return [variable.name]
    return [each.name(variable.name) for each in resources.described(decided) if each.kind is variable.of]


def _place(conf: conf_file.Conf, name: str) -> Place:
    setting = conf.settings.get(name)
    return Place(conf.path, setting.line, setting.column) if setting is not None else Place(conf.path)


def _tls(conf: conf_file.Conf, decided: Deployment) -> Iterator[Problem]:
    remedy = "set TELEPORT_ACM_TARGET_PROTOCOL=https and the target group to HTTPS, or"
    if decided.letsencrypt and conf.value(variables.USE_ACM):
        message = "USE_LETSENCRYPT and USE_ACM are both true, but a certificate comes from one of them"
        yield "USE_LETSENCRYPT", message, "keep the one you use and remove the other"
    if decided.plain_http and decided.tls_routing:
        message = "USE_TLS_ROUTING cannot work behind a load balancer target that speaks plain HTTP"
        yield "USE_TLS_ROUTING", message, f"{remedy} USE_TLS_ROUTING=false"
    if decided.plain_http and conf.value(variables.TELEPORT_ENABLE_MONGODB):
        message = "MongoDB needs TLS, which Teleport does not serve behind a target that speaks plain HTTP"
        yield "TELEPORT_ENABLE_MONGODB", message, f"{remedy} TELEPORT_ENABLE_MONGODB=false"


def _storage(_conf: conf_file.Conf, decided: Deployment) -> Iterator[Problem]:
    table = next((variable.name for variable in _ASKING if variable.name in decided.assigned), None)
    if decided.role is not Role.ALL or table is None:
        return
    # Where events go to both, `_missing` says that their table is needed.
    events = () if ATHENA in decided.event_stores else (variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME,)
    for variable in (variables.TELEPORT_DYNAMO_TABLE_NAME, *events, variables.TELEPORT_S3_BUCKET):
        if variable.name not in decided.assigned:
            message = f"{table} asks for DynamoDB storage, but {variable.name} is not set"
            yield table, message, f"add {variable.name}=…, or remove {table} to store the cluster on this instance"


def _agent(_conf: conf_file.Conf, decided: Deployment) -> Iterator[Problem]:
    if decided.role is Role.AGENT and decided.enabled.isdisjoint(variables.SWITCHES):
        message = "TELEPORT_ROLE=agent with no service enabled would serve nothing"
        yield "TELEPORT_ROLE", message, f"set one of {', '.join(variables.SWITCHES)} to true"


def _joining(_conf: conf_file.Conf, decided: Deployment) -> Iterator[Problem]:
    if decided.role.runs_auth and decided.join_method == "bound_keypair":
        message = f"the role {decided.role.value} has an auth server of its own, which joins nothing"
        yield "TELEPORT_JOIN_METHOD", message, "set bound_keypair in the confs of proxies, nodes and agents"
    for one, other in (
        (variables.TELEPORT_JOIN_TOKEN.name, variables.TELEPORT_JOIN_TOKEN_PARAMETER.name),
        (variables.TELEPORT_REGISTRATION_SECRET_PATH.name, variables.TELEPORT_REGISTRATION_SECRET_PARAMETER.name),
    ):
        if decided.role.joins and {one, other} <= decided.assigned:
            yield one, f"{one} and {other} are both set, but it comes from one of them", "remove one"


def _hostnames(conf: conf_file.Conf, decided: Deployment) -> Iterator[Problem]:
    domain = conf.value(variables.TELEPORT_DOMAIN_NAME)
    hostname = conf.value(variables.TELEPORT_EXTERNAL_HOSTNAME)
    if decided.role is not Role.ALL or domain is None or hostname is None:
        return
    if kinds.is_address(hostname) or not f".{hostname.lower()}".endswith(f".{domain.lower()}"):
        message = (
            f"TELEPORT_EXTERNAL_HOSTNAME {hostname} is neither {domain} nor under it, so that browsers would refuse "
            "WebAuthn for people who sign in there"
        )
        remedy = f"use {domain} or a name that ends in .{domain}, or change TELEPORT_DOMAIN_NAME"
        yield "TELEPORT_EXTERNAL_HOSTNAME", message, remedy


def _labels(conf: conf_file.Conf, _: Deployment) -> Iterator[Problem]:
    for name, setting in conf.settings.items():
        for key, _value in setting.value if setting.variable.kind is kinds.LABELS else ():
            if len(key) > LONGEST_LABEL_KEY:
                beginning = f"{len(key)} characters, beginning with {key[:40]}"
                message = f"{name} has a label key that is too long for YAML: {beginning}"
                yield name, message, f"write at most {LONGEST_LABEL_KEY}"


def _fips(conf: conf_file.Conf, decided: Deployment) -> Iterator[Problem]:
    if decided.fips and decided.role.runs_auth and conf.value(variables.TELEPORT_AUTH_TYPE) == "local":
        message = "a FIPS Teleport has no local users, and TELEPORT_AUTH_TYPE is local"
        yield "TELEPORT_AUTH_TYPE", message, "set TELEPORT_AUTH_TYPE to github, saml or oidc"
