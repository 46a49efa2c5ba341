"""The files that a document names and without which Teleport does not start, or not work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap.plan import enabled_services, provenance


@dataclass(frozen=True)
class NeededFile:
    """A file, the key that names it, and why Teleport needs it.

    `until_joined` says that it is read only until the host has joined its cluster.
    """

    path: str
    key: provenance.Path
    why: str
    until_joined: bool = False


def needed(document: dict[str, Any]) -> tuple[NeededFile, ...]:
    """Return the files that the services which `document` enables need, each path once."""
    found: dict[str, NeededFile] = {}
    for each in _all(document):
        found.setdefault(each.path, each)
    return tuple(found.values())


def _all(document: dict[str, Any]) -> Iterator[NeededFile]:
    teleport = _mapping(document.get("teleport"))
    pins = teleport.get("ca_pin")
    for pin in pins if isinstance(pins, list) else [pins]:
        yield from _absolute(pin, ("teleport", "ca_pin"), "Teleport reads its pins at every start")
    token = "Teleport joins with what it holds"  # noqa: S105 - a reason
    yield from _absolute(teleport.get("auth_token"), ("teleport", "auth_token"), token, until_joined=True)
    params = _mapping(teleport.get("join_params"))
    if params.get("method") == "token":
        place = ("teleport", "join_params", "token_name")
        yield from _absolute(params.get("token_name"), place, token, until_joined=True)
    if enabled_services.runs(document, "auth_service"):
        license_file = _mapping(document.get("auth_service")).get("license_file")
        yield from _absolute(
            license_file, ("auth_service", "license_file"), "an auth server of Teleport Enterprise needs its license"
        )
    if enabled_services.runs(document, "proxy_service"):
        yield from _certificates(_mapping(document.get("proxy_service")))
    if enabled_services.runs(document, "kubernetes_service"):
        kubeconfig = _mapping(document.get("kubernetes_service")).get("kubeconfig_file")
        yield from _absolute(kubeconfig, ("kubernetes_service", "kubeconfig_file"), "it names the clusters to serve")
    if enabled_services.runs(document, "db_service"):
        databases = _mapping(document.get("db_service")).get("databases")
        for index, database in enumerate(databases if isinstance(databases, list) else ()):
            entry = ("db_service", "databases", index)
            why = "Teleport trusts the database by it"
            yield from _absolute(_mapping(database).get("ca_cert_file"), (*entry, "ca_cert_file"), why)
            tls = _mapping(_mapping(database).get("tls"))
            yield from _absolute(tls.get("ca_cert_file"), (*entry, "tls", "ca_cert_file"), why)


def _certificates(section: dict[str, Any]) -> Iterator[NeededFile]:
    why = "the proxy does not start without its certificate and key"
    pairs = section.get("https_keypairs")
    for index, pair in enumerate(pairs if isinstance(pairs, list) else ()):
        for key in ("cert_file", "key_file"):
            yield from _absolute(_mapping(pair).get(key), ("proxy_service", "https_keypairs", index, key), why)
    for key in ("https_cert_file", "https_key_file"):
        yield from _absolute(section.get(key), ("proxy_service", key), why)


def _absolute(value: Any, key: provenance.Path, why: str, *, until_joined: bool = False) -> Iterator[NeededFile]:
    """Yield the file where `value` is an absolute path: for pins and tokens, anything else is the thing itself."""
    if isinstance(value, str) and value.startswith("/"):
        yield NeededFile(value, key, why, until_joined)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
