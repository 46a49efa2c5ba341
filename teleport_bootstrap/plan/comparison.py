"""What differs between two versions of a file or a document, for the operator and for what follows from it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import network_address, provenance, secret_mask, services

# Settings that Teleport applies at a reload: it starts its successor with the new file and hands its connections over.
# Listeners, storage, identity and joining are not among them: those need a restart.
_RELOADABLE = (
    ("teleport", "log"),
    ("ssh_service", "labels"),
    ("ssh_service", "commands"),
    ("app_service", "apps"),
    ("db_service", "databases"),
    ("kubernetes_service", "labels"),
    ("proxy_service", "trust_x_forwarded_for"),
)


def unified(path: str, before: str | None, after: str | None) -> str:
    """Return the difference between two contents of `path` as a unified diff; None is a missing file.

    Values of keys that are named like secrets are masked: operators write tokens into teleport.yaml and overrides.
    """
    head = (path if before is not None else "/dev/null", path if after is not None else "/dev/null")
    lines = difflib.unified_diff(
        secret_mask.masked(before or "").splitlines(keepends=True),
        secret_mask.masked(after or "").splitlines(keepends=True),
        *head,
    )
    diff = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    if not diff and before != after:
        return f"--- {head[0]}\n+++ {head[1]}\n  (only secrets or blanks differ)\n"
    return diff


def reload_suffices(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Return whether a reload applies everything that differs between two documents."""
    return _without(before) == _without(after)


def _without(document: dict[str, Any]) -> dict[str, Any]:
    left = {name: dict(section) if isinstance(section, dict) else section for name, section in document.items()}
    for section, key in _RELOADABLE:
        found = left.get(section)
        if isinstance(found, dict):
            found.pop(key, None)
    return left


def dangers(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    """Return the changes that harm a cluster which has state, in words.

    They are changes of its identity, of where its state is, and of the ports that clients and load balancers know.
    """
    found = []
    for path, consequence in _IDENTITY:
        old, new = provenance.value_at(before, path), provenance.value_at(after, path)
        if old is not None and old != new:
            name = ".".join(path)
            found.append(f"{name} changes from {old} to {new if new is not None else 'nothing'}: {consequence}")
    return (*_stopped(before, after), *found, *_left_events(before, after), *_moved_ports(before, after))


def _stopped(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Say which services of Teleport will no longer run on this host, and for whom."""
    for service, consequence in _STOPPING.items():
        if services.runs(before, service) and not services.runs(after, service):
            name = provenance.value_at(before, ("auth_service", "cluster_name"))
            yield consequence.format(cluster=f"the cluster {name}" if name else "its cluster")


def _left_events(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Say where the audit log will be read from another place; the first of several is the one that is read."""
    path = ("teleport", "storage", "audit_events_uri")
    found = [provenance.value_at(document, path) for document in (before, after)]
    old, new = (_place(each[0] if isinstance(each, list) and each else each) for each in found)
    if old and old != new:
        yield (
            f"{provenance.dotted(path)} is read from {new or 'the default place'} instead of {old}: what is in the "
            "audit log so far no longer shows"
        )


def _place(uri: Any) -> str:
    """Return a URI without its settings, and without a user and a password."""
    scheme, separator, rest = str(uri or "").partition("?")[0].partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _moved_ports(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Say which services will no longer be where clients, security groups and load balancers look for them."""
    new = {each.path: each.port for each in services.listeners(after)}
    for old in (each for each in services.listeners(before) if each.path[0] in _ADVERTISING):
        name, port = provenance.dotted(old.path), new.get(old.path)
        if port is None and services.runs(after, old.path[0]):
            yield f"{name}: port {old.port} closes: clients and load balancers that use it lose their connection"
        elif port is not None and port != old.port:
            yield (
                f"{name} moves from port {old.port} to {port}: clients, security groups and load balancers' targets "
                "that still use the old port lose their connection"
            )
    for service in _ADVERTISING:
        section = before.get(service)
        for key in section if isinstance(section, dict) and services.runs(after, service) else ():
            path = (service, key)
            if not key.endswith("public_addr") or path in [each for each, _ in _IDENTITY]:
                continue
            was, will = (_ports(provenance.value_at(document, path)) for document in (before, after))
            if was and will and was != will:
                yield (
                    f"{provenance.dotted(path)} names port {_listed(will)} instead of {_listed(was)}: load balancers "
                    "and security groups have to admit that first"
                )


def _ports(addresses: Any) -> set[int]:
    """Return the ports of one public address, or of a list of these."""
    found = map(network_address.parse, addresses if isinstance(addresses, list) else [addresses])
    return {each.port for each in found if each is not None and each.port is not None}


def _listed(ports: set[int]) -> str:
    return ", ".join(map(str, sorted(ports)))


_STOPPING = {
    "auth_service": (
        "auth_service stops: {cluster} no longer serves from this host, and without another auth server that has the "
        "same data people cannot sign in, and no other host of it works"
    ),
    "proxy_service": "proxy_service stops: people cannot sign in or connect through this host any more",
}

# The services to which other machines connect.
_ADVERTISING = ("proxy_service", "auth_service", "ssh_service", "kubernetes_service")

_IDENTITY = (
    (("auth_service", "cluster_name"), "a cluster keeps its first name; Teleport refuses another one, or ignores it"),
    (
        ("auth_service", "authentication", "webauthn", "rp_id"),
        "every registered security key stops working, and users have to register again",
    ),
    (
        ("proxy_service", "public_addr"),
        "users and nodes that know the old address cannot find the new one, and certificates name the old one",
    ),
    (("teleport", "storage", "type"), "the cluster's users, roles and audit log stay behind in the old storage"),
    (("teleport", "storage", "table_name"), "the cluster's users, roles and audit log stay behind in the old table"),
)


def keeps(document: Any, patch: Any) -> bool:
    """Return whether the JSON Merge Patch `patch` would change nothing in `document`."""
    if not isinstance(patch, dict):
        return same(document, patch)
    if not isinstance(document, dict):
        return False
    return all(
        key not in document if value is None else key in document and keeps(document[key], value)
        for key, value in patch.items()
    )


# Mappings of text to text, in which Teleport reads a null as an empty text. Elsewhere a null is a key without effect.
_TEXTS = frozenset(("labels", "static_labels", "tags"))


def as_read(node: Any, key: object = None) -> Any:
    """Return a document with an empty text for each null in labels, as Teleport reads it: in a patch, null deletes."""
    if isinstance(node, list):
        return [as_read(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {name: "" if value is None and key in _TEXTS else as_read(value, name) for name, value in node.items()}


def same(one: Any, other: Any) -> bool:
    """Return whether two documents hold the same, types and missing quotes included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def merge_patch(before: Any, after: Any) -> Any:
    """Return the JSON Merge Patch (RFC 7396) that turns the document `before` into `after`."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        if key not in before:
            patch[key] = value
        elif not same(before[key], value):
            patch[key] = merge_patch(before[key], value)
    return patch
