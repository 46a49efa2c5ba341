"""A conf for a host whose teleport.yaml was written by other means: as near to it as the variables can say.

What they cannot say stays in teleport.yaml, which `adopt` makes an override of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from teleport_bootstrap.conf import resource
from teleport_bootstrap.conf import variables as v
from teleport_bootstrap.conf.kinds import Unfit
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import network_address, provenance, services
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.roles import Role

# Where an operator has to write something that teleport.yaml does not say.
TO_FILL = "FILL-IN"
_PARAMETER = "/teleport/join-token"

Lines = Iterator["tuple[Variable[Any], Any]"]


@dataclass(frozen=True)
class Proposal:
    """A conf: `text` ends with a line feed. `to_fill` are the variables that teleport.yaml does not answer."""

    role: Role
    text: str
    to_fill: tuple[str, ...]


def propose(document: dict[str, Any]) -> Proposal:
    """Return a conf for the host with this teleport.yaml, as `adoption.meaning` returns it."""
    role = _role(document)
    # YAML has numbers and lists where an operator has written a name without quotes.
    texts = ((variable, _text(value)) for variable, value in _lines(document, role))
    lines = [(variable, value) for variable, value in texts if _fits(variable, value)]
    text = "".join(f'{variable.name}="{value}"\n' for variable, value in lines)
    return Proposal(role, text, tuple(variable.name for variable, value in lines if value == TO_FILL))


def _role(document: dict[str, Any]) -> Role:
    has_auth, has_proxy = (services.runs(document, f"{name}_service") for name in ("auth", "proxy"))
    if has_auth:
        return Role.ALL if has_proxy else Role.AUTH
    if has_proxy:
        return Role.PROXY
    # A node without a proxy on its way joins at the auth server; every other host of resources is an agent.
    is_node = _at(document, "teleport", "proxy_server") is None and _at(document, "teleport", "auth_server") is not None
    return Role.NODE if is_node and services.running(document) == ["ssh_service"] else Role.AGENT


def _lines(document: dict[str, Any], role: Role) -> Lines:
    if role is not Role.ALL:
        yield v.TELEPORT_ROLE, role.value
    if role.runs_auth or role is Role.NODE:
        yield v.TELEPORT_CLUSTER_NAME, _at(document, "auth_service", "cluster_name") or TO_FILL
    domain = _host(_first(_at(document, "proxy_service", "public_addr")))
    if role.runs_proxy:
        yield v.TELEPORT_DOMAIN_NAME, domain or TO_FILL
    nodename = _at(document, "teleport", "nodename")
    if nodename:
        yield v.TELEPORT_NODENAME, nodename
    if role.runs_auth:
        yield from _of_auth(document, role)
    if role is Role.PROXY:
        yield v.USE_LETSENCRYPT, "false"
    if role.joins:
        yield from _joining(document, role)
    labels = _labels(_at(document, "ssh_service", "labels"))
    if role is Role.AGENT and services.runs(document, "ssh_service"):
        yield v.TELEPORT_AGENT_SSH_ENABLED, "true"
        if labels:
            yield v.TELEPORT_AGENT_SSH_LABELS, labels
    elif role in (Role.ALL, Role.NODE) and labels:
        yield v.TELEPORT_SSH_LABELS, labels
    if role is Role.AGENT:
        served = [*_databases(document), *_applications(document), *_kubernetes(document)]
        yield from served
        if not served and not services.runs(document, "ssh_service"):
            # An agent serves something; the override switches this off again.
            yield v.TELEPORT_AGENT_SSH_ENABLED, "true"


def _databases(document: dict[str, Any]) -> Lines:
    if not services.runs(document, "db_service"):
        return
    databases = _numbered(
        _entries(document, "db_service", "databases"),
        {
            v.TELEPORT_AGENT_DB_NAME: ("name",),
            v.TELEPORT_AGENT_DB_PROTOCOL: ("protocol",),
            v.TELEPORT_AGENT_DB_URI: ("uri",),
            v.TELEPORT_AGENT_DB_DESCRIPTION: ("description",),
            v.TELEPORT_AGENT_DB_REGION: ("aws", "region"),
            v.TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID: ("aws", "redshift", "cluster_id"),
            v.TELEPORT_AGENT_DB_LABELS: ("static_labels",),
        },
        3,
    )
    matchers = _numbered(
        _entries(document, "db_service", "aws"),
        {
            v.TELEPORT_AGENT_DB_AWS_TYPES: ("types",),
            v.TELEPORT_AGENT_DB_AWS_REGIONS: ("regions",),
            v.TELEPORT_AGENT_DB_AWS_TAGS: ("tags",),
        },
        1,
    )
    found = [*databases, *matchers]
    if found:
        yield v.TELEPORT_AGENT_DB_ENABLED, "true"
    yield from found


def _applications(document: dict[str, Any]) -> Lines:
    if not services.runs(document, "app_service"):
        return
    found = list(
        _numbered(
            _entries(document, "app_service", "apps"),
            {
                v.TELEPORT_AGENT_APP_NAME: ("name",),
                v.TELEPORT_AGENT_APP_URI: ("uri",),
                v.TELEPORT_AGENT_APP_DESCRIPTION: ("description",),
                v.TELEPORT_AGENT_APP_PUBLIC_ADDR: ("public_addr",),
                v.TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY: ("insecure_skip_verify",),
                v.TELEPORT_AGENT_APP_LABELS: ("labels",),
            },
            2,
        )
    )
    if found:
        yield v.TELEPORT_AGENT_APP_ENABLED, "true"
    yield from found


def _kubernetes(document: dict[str, Any]) -> Lines:
    if services.runs(document, "kubernetes_service"):
        yield v.TELEPORT_AGENT_KUBE_ENABLED, "true"
        name = _text(_at(document, "kubernetes_service", "kube_cluster_name"))
        if name:
            yield v.TELEPORT_AGENT_KUBE_CLUSTER_NAME, name
        labels = _labels(_at(document, "kubernetes_service", "labels"))
        if labels:
            yield v.TELEPORT_AGENT_KUBE_LABELS, labels


def _entries(document: dict[str, Any], *path: str) -> list[dict[str, Any]]:
    found = _at(document, *path)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _numbered(entries: Sequence[dict[str, Any]], paths: Mapping[Variable[Any], tuple[str, ...]], needed: int) -> Lines:
    """Yield the variables of entries of a list: the first without a number, the others from 2 on.

    An entry of which the first `needed` cannot be said stays in teleport.yaml.
    """
    number = 0
    for entry in entries:
        found = [(variable, _text(_at(entry, *path))) for variable, path in paths.items()]
        if number > resource.MOST or not all(value and _fits(variable, value) for variable, value in found[:needed]):
            continue
        yield from ((v.numbered(variable, number), value) for variable, value in found if value)
        number = max(number + 1, 2)


def _of_auth(document: dict[str, Any], role: Role) -> Lines:
    if role is Role.AUTH:
        yield v.TELEPORT_AUTH_SERVER_LB, _host(_first(_at(document, "auth_service", "public_addr"))) or TO_FILL
        yield v.USE_LETSENCRYPT, "false"
    storage = _at(document, "teleport", "storage")
    if role is Role.AUTH or (isinstance(storage, dict) and storage.get("type") == "dynamodb"):
        table = storage.get("table_name") if isinstance(storage, dict) else None
        yield v.TELEPORT_DYNAMO_TABLE_NAME, table or TO_FILL
        yield v.TELEPORT_DYNAMO_EVENTS_TABLE_NAME, _after_scheme(storage, "audit_events_uri") or TO_FILL
        yield v.TELEPORT_S3_BUCKET, _after_scheme(storage, "audit_sessions_uri") or TO_FILL
    if role is Role.AUTH:
        yield v.TELEPORT_LOCKS_TABLE_NAME, TO_FILL
    kind = _at(document, "auth_service", "authentication", "type")
    if kind:
        yield v.TELEPORT_AUTH_TYPE, kind


def _joining(document: dict[str, Any], role: Role) -> Lines:
    if role is Role.AGENT:
        proxy = network_address.parse(_at(document, "teleport", "proxy_server"))
        port = f":{proxy.port}" if proxy is not None and proxy.port is not None else ""
        yield v.TELEPORT_PROXY_SERVER_LB, f"{proxy.host}{port}" if proxy is not None else TO_FILL
    else:
        yield v.TELEPORT_AUTH_SERVER_LB, _host(_at(document, "teleport", "auth_server")) or TO_FILL
    method = _at(document, "teleport", "join_params", "method") or "token"
    if method != "token":
        yield v.TELEPORT_JOIN_METHOD, method
        yield v.TELEPORT_JOIN_TOKEN_NAME, _at(document, "teleport", "join_params", "token_name") or TO_FILL
    elif role is Role.AGENT:
        # The token itself is a secret, and the host has joined already.
        yield v.TELEPORT_JOIN_TOKEN_PARAMETER, _PARAMETER


def _fits(variable: Variable[Any], value: str) -> bool:
    """Whether the variable takes the value; what it does not take stays in teleport.yaml."""
    if value == TO_FILL:
        return True
    try:
        variable.parse(value)
    except Unfit:
        return False
    return not any(character in value for character in '"$`\\\n')


def _at(document: dict[str, Any], *path: str) -> Any:
    return provenance.value_at(document, path)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _host(address: Any) -> str | None:
    parsed = network_address.parse(address)
    return None if parsed is None else parsed.host


def _after_scheme(storage: Any, key: str) -> str | None:
    value = _first(storage.get(key)) if isinstance(storage, dict) else None
    address = str(value).partition("://")[2].partition("?")[0]
    return address.partition("/")[0] or None if value else None


def _text(value: Any) -> str:
    """Return a value as a conf has it: a list with commas, a mapping as labels."""
    if isinstance(value, dict):
        return _labels(value)
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _labels(value: Any) -> str:
    return "|".join(f"{key}: {each}" for key, each in value.items()) if isinstance(value, dict) else ""
