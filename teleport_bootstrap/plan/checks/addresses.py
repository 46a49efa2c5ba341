"""Addresses: that each can be read, names a host where people need one, and comes with the one it depends on."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from teleport_bootstrap.plan import addresses, network_address, provenance
from teleport_bootstrap.plan.checks.finding import Finding
from teleport_bootstrap.plan.checks.subject import Subject, texts

_LISTEN, _PUBLIC = "listen_addr", "public_addr"
_SERVERS = (("teleport", "auth_server"), ("teleport", "proxy_server"))
# Where Teleport refuses the second without the first; Postgres shares the web port when it has none of its own.
_PAIRED = ("kube", "mysql", "mongo", "peer")


def check(subject: Subject) -> Iterator[Finding]:
    """Find addresses that Teleport cannot use, or that nobody could reach."""
    for path in _SERVERS:
        if subject.has(*path):
            yield from _judge(subject, path, subject.get(*path), public=True)
    for service in subject.services():
        for key, value in subject.mapping(service).items():
            path = (service, key)
            # Values that say nothing are found elsewhere.
            if key.endswith(_LISTEN) and value not in (None, ""):
                yield from _judge(subject, path, value, public=False)
            elif key.endswith(_PUBLIC) and value not in (None, ""):
                for each in texts(value):
                    yield from _judge(subject, path, each, public=True)
    if subject.enabled("proxy_service"):
        yield from _pairs(subject)
    yield from _advertised(subject)


def _judge(subject: Subject, path: provenance.Path, value: Any, *, public: bool) -> Iterator[Finding]:
    if isinstance(value, str) and not value.strip():
        return
    parsed = network_address.parse(value)
    if parsed is None:
        yield subject.error(path, f"{value!s} is no address", "write host:port, an IPv6 address in brackets")
        return
    example = "teleport.example.com" if public else addresses.EVERY_ADDRESS
    if parsed.host.isdigit():
        yield subject.error(
            path, f"Teleport takes {value!s} for a host, not for a port", f"write {example}:{parsed.host}"
        )
    elif parsed.port is not None and not 1 <= parsed.port <= 65535:
        yield subject.error(path, f"{parsed.port} is no port", "write a number from 1 to 65535")
    elif public and not parsed.host:
        yield subject.error(path, f"{value!s} names no host", f"write {example}:{parsed.port or 443}")


def _pairs(subject: Subject) -> Iterator[Finding]:
    for prefix in _PAIRED:
        public, listen = f"{prefix}_{_PUBLIC}", f"{prefix}_{_LISTEN}"
        if subject.has("proxy_service", public) and not subject.has("proxy_service", listen):
            yield subject.error(
                ("proxy_service", public),
                f"Teleport refuses it without {listen}",
                f"write {listen} too, or delete {public} with null",
            )


def _advertised(subject: Subject) -> Iterator[Finding]:
    value = subject.get("teleport", "advertise_ip")
    parsed = network_address.parse(value)
    if parsed is None:
        return
    try:
        found = ipaddress.ip_address(parsed.host)
    except ValueError:
        return
    if found.is_unspecified or found.is_multicast:
        message = f"nobody can reach {value!s}, and Teleport would not start"
        yield subject.error(("teleport", "advertise_ip"), message, "write the address of this instance")
