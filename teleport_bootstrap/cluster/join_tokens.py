"""Join tokens as Teleport's resources, which are registered with the auth server."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import secrets
from collections.abc import Collection, Mapping, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock
from teleport_bootstrap.secret import Secret

# The last part of each parameter's name, and the system role that the token gives. The names are part of the contract.
ROLES = {"proxy": "Proxy", "node": "Node", "kube": "Kube", "app": "App", "db": "Db"}

# The last part of the name of a parameter that is published on request, whose token gives both roles.
PROXY_AND_NODE = "proxy-node"
_SYSTEM_ROLES = {**{name: [system] for name, system in ROLES.items()}, PROXY_AND_NODE: ["Proxy", "Node"]}

# Four runs of the hourly timer: three may fail before a published token expires.
LIFE_SECONDS = 4 * 3600.0

_BYTES = 32

# The end of what is to have none; Go can still subtract a time of today from it, and DynamoDB keep it.
NO_END = "2099-12-31T00:00:00Z"

# An end that is further away counts as none, also one that an operator wrote.
_FAR = datetime.timedelta(days=3652)


def parameters(cluster: str, *, both: bool = False) -> dict[str, str]:
    """Return the names of the parameters of `cluster` that hold a token, each with the role that the token gives.

    `both`: also the one for proxies that are nodes.
    """
    published = (*ROLES, *((PROXY_AND_NODE,) if both else ()))
    return {f"/teleport/{cluster}/tokens/{role}": role for role in published}


def pins_parameter(cluster: str) -> str:
    """Return the name of the parameter of `cluster` that holds its CA pins."""
    return f"/teleport/{cluster}/ca-pin-hash"


def fresh() -> Secret:
    """Return a new random token: 64 hexadecimal digits."""
    return Secret(secrets.token_hex(_BYTES))


def temporary(token: Secret, role: str, *, now: float) -> Secret:
    """Return the resource that lets hosts join with `token`, for LIFE_SECONDS from `now`.

    `role` is a key of ROLES, or PROXY_AND_NODE.
    """
    ends = clock.calendar(int(now + LIFE_SECONDS))
    return document(
        {
            "kind": "token",
            "version": "v2",
            "metadata": {"name": token.reveal(), "expires": ends.strftime("%Y-%m-%dT%H:%M:%SZ")},
            "spec": {"roles": _SYSTEM_ROLES[role], "join_method": "token"},
        }
    )


def document(resource: Mapping[str, Any]) -> Secret:
    """Return `resource` as input of `tctl create`: JSON, which is valid YAML."""
    return Secret(json.dumps(resource) + "\n")


# Which rules of a resource this program has added for TELEPORT_IAM_JOIN_ROLES, so that it removes no others when that
# list becomes shorter: their ARNs, separated by blanks, in a label of the resource.
_OURS = "teleport-bootstrap/iam-join-roles"

_ROLE_ARN = regex.compile(r"arn:([a-z-]+):iam::([0-9]{12}):role/(?:.*/)?([^/]+)", re.ASCII)


def for_instance_role(
    name: str, *, account: str, partition: str, role: str, others: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the resource `name`, which lets the instances of `account` that have the IAM role `role` join.

    So may those with a role in `others`, each the name of a role of `account` or the ARN of one of any account.

    It holds no secret, and expires long after the cluster: without a time some versions of Teleport, of which 12 is
    one, let every token end after half an hour, whatever its join method. The last part of the ARN is the name of the
    session, which for an instance is its id: a caller that is not an instance cannot join with this role.
    """
    own, named = _rule(role, account, partition), [_rule(each, account, partition) for each in others]
    rules = [own, *(rule for index, rule in enumerate(named) if rule != own and rule not in named[:index])]
    metadata: dict[str, Any] = {"name": name, "expires": NO_END}
    if rules[1:]:
        metadata["labels"] = {_OURS: " ".join(rule["aws_arn"] for rule in rules[1:])}
    return {
        "kind": "token",
        "version": "v2",
        "metadata": metadata,
        "spec": {"roles": list(ROLES.values()), "join_method": "iam", "allow": rules},
    }


def _rule(role: str, account: str, partition: str) -> dict[str, str]:
    arn = _ROLE_ARN.fullmatch(role)
    if arn is not None:
        partition, account, role = arn.groups()
    return {"aws_account": account, "aws_arn": f"arn:{partition}:sts::{account}:assumed-role/{role}/i-*"}


def is_by_iam(found: Mapping[str, Any]) -> bool:
    """Return whether the resource `found` is for the join method `iam`, so that rules for it can be added."""
    return str(_mapping(found.get("spec")).get("join_method", "")).lower() == "iam"


def merged(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resource `found` with what `wanted`, of `for_instance_role`, allows besides.

    Rules, roles and labels of others stay. Of the rules that an earlier `wanted` has added, those that it no longer has
    are removed.
    """
    metadata, spec = _mapping(found.get("metadata")), _mapping(found.get("spec"))
    labels = dict(_mapping(metadata.get("labels")))
    asked = wanted["spec"]["allow"]
    before = str(labels.pop(_OURS, "")).split()
    obsolete = set(before) - {rule["aws_arn"] for rule in asked}
    rules = spec.get("allow") if isinstance(spec.get("allow"), list) else []
    kept = [rule for rule in rules or () if not _is_one_of(rule, obsolete)]
    roles = [str(role) for role in spec.get("roles") or []]
    known = {role.lower() for role in roles}
    labels.update(wanted["metadata"].get("labels", {}))
    # Teleport numbers each version of a resource itself.
    data = {key: value for key, value in metadata.items() if key not in ("revision", "id", "expires", "labels")}
    return {
        **{key: value for key, value in found.items() if key != "status"},
        "metadata": {**data, **wanted["metadata"], **({"labels": labels} if labels else {})},
        "spec": {
            **spec,
            "join_method": "iam",
            "roles": [*roles, *(role for role in wanted["spec"]["roles"] if role.lower() not in known)],
            "allow": [*kept, *(rule for rule in asked if _plain(rule) not in map(_plain, kept))],
        },
    }


def _is_one_of(rule: Any, arns: Collection[str]) -> bool:
    """Whether a rule says nothing but one of those ARNs and its account, as this program writes it."""
    plain = dict(_plain(rule))
    return plain.keys() == {"aws_account", "aws_arn"} and plain["aws_arn"] in arns


def _plain(rule: Any) -> list[tuple[str, str]]:
    """Return a rule without the empty values that Teleport prints."""
    return sorted((key, str(value)) for key, value in _mapping(rule).items() if value)


# How Teleport, written in Go, prints a time that is not set.
_NEVER = (None, "", "0001-01-01T00:00:00Z")


def is_as_wanted(found: Mapping[str, Any], wanted: Mapping[str, Any], *, now: float) -> bool:
    """Return whether the resource `found`, as Teleport prints it, allows exactly what `wanted` does, and has no end.

    `now` is in seconds since 1970. An end that is ten years away or more is none. Teleport adds values of its own, such
    as a revision, and prints empty ones.
    """
    return _essence(found, now) == _essence(wanted, now)


def _essence(resource: Mapping[str, Any], now: float) -> tuple[object, ...]:
    metadata, spec = _mapping(resource.get("metadata")), _mapping(resource.get("spec"))
    rules = spec.get("allow") or []
    return (
        resource.get("kind"),
        metadata.get("name"),
        _end(metadata.get("expires"), now),
        str(spec.get("join_method", "")).lower(),
        sorted(str(role).lower() for role in spec.get("roles") or []),
        sorted(_plain(rule) for rule in rules),
        _mapping(metadata.get("labels")).get(_OURS),
    )


def _end(expires: Any, now: float) -> str | None:
    """Return when a resource ends, as Teleport prints it; None where that is never, or far away."""
    if expires in _NEVER:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        # The seconds are enough; a fraction of them, and the offset of Teleport's time zone, change nothing here.
        ends = datetime.datetime.strptime(str(expires)[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
        if ends - clock.calendar(now) >= _FAR:
            return None
    return str(expires)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
