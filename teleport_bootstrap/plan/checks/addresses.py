"""Addresses: that each can be read, names a host where people need one, and comes with the one it depends on."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from teleport_bootstrap import port_table
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import addresses, network_address, provenance
from teleport_bootstrap.plan.checks.context import Context, texts

_LISTEN, _PUBLIC = "listen_addr", "public_addr"
_SERVERS = (("teleport", "auth_server"), ("teleport", "proxy_server"))
# Where Teleport refuses the second without the first; Postgres shares the web port when it has none of its own.
_PAIRED = ("kube", "mysql", "mongo", "peer")


def check(context: Context) -> Iterator[Finding]:
    """Find addresses that Teleport cannot use, or that nobody could reach."""
    for path in _SERVERS:
        if context.has(*path):
            yield from _judge(context, path, context.get(*path), public=True)
    for service in context.services():
        for key, value in context.mapping(service).items():
            path = (service, key)
            # Values that say nothing are found elsewhere.
            if key.endswith(_LISTEN) and value not in (None, ""):
                yield from _judge(context, path, value, public=False)
            elif key.endswith(_PUBLIC) and value not in (None, ""):
                for each in texts(value):
                    yield from _judge(context, path, each, public=True)
    if context.enabled("proxy_service"):
        yield from _pairs(context)
    yield from _advertised(context)


def _judge(context: Context, path: provenance.Path, value: Any, *, public: bool) -> Iterator[Finding]:
    if isinstance(value, str) and not value.strip():
        return
    parsed = network_address.parse(value)
    if parsed is None:
        yield context.error(path, f"{value!s} is no address", "write host:port, an IPv6 address in brackets")
        return
    example = "teleport.example.com" if public else addresses.EVERY_ADDRESS
    if parsed.host.isdigit():
        yield context.error(
            path, f"Teleport takes {value!s} for a host, not for a port", f"write {example}:{parsed.host}"
        )
    elif parsed.port is not None and not 1 <= parsed.port <= 65535:
        yield context.error(path, f"{parsed.port} is no port", "write a number from 1 to 65535")
    elif public and not parsed.host:
        yield context.error(path, f"{value!s} names no host", f"write {example}:{parsed.port or port_table.HTTPS}")


def _pairs(context: Context) -> Iterator[Finding]:
    for prefix in _PAIRED:
        public, listen = f"{prefix}_{_PUBLIC}", f"{prefix}_{_LISTEN}"
        if context.has("proxy_service", public) and not context.has("proxy_service", listen):
            yield context.error(
                ("proxy_service", public),
                f"Teleport refuses it without {listen}",
                f"write {listen} too, or delete {public} with null",
            )


def _advertised(context: Context) -> Iterator[Finding]:
    value = context.get("teleport", "advertise_ip")
    parsed = network_address.parse(value)
    if parsed is None:
        return
    try:
        found = ipaddress.ip_address(parsed.host)
    except ValueError:
        return
    if found.is_unspecified or found.is_multicast:
        message = f"nobody can reach {value!s}, and Teleport would not start"
        yield context.error(("teleport", "advertise_ip"), message, "write the address of this instance")
