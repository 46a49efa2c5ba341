"""Addresses are valid, name a host where clients need one, and come with those they need; no port is used twice."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from teleport_bootstrap import port_table
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import go_url, network_address, provenance, services
from teleport_bootstrap.plan.checks.context import Context, texts

_LISTEN, _PUBLIC = "listen_addr", "public_addr"
# Where Teleport refuses the public address without the listener; Postgres shares the web port if it has no own one.
_PAIRED = ("kube", "mysql", "mongo", "peer")

_TUNNEL = ("proxy_service", "tunnel_listen_addr")
_SHARED = {("proxy_service", "web_listen_addr"), _TUNNEL}


def check(context: Context) -> Iterator[Finding]:
    """Find addresses that Teleport cannot use, or that clients cannot reach."""
    for key in ("auth_server", "proxy_server"):
        if context.has("teleport", key):
            yield from _judge(context, ("teleport", key), context.get("teleport", key), public=True)
    for service in services.running(context.document):
        for key, value in context.mapping(service).items():
            if key.endswith(_PUBLIC):
                for each in texts(value):
                    yield from _judge(context, (service, key), each, public=True)
            elif key.endswith(_LISTEN) and value is not None:
                yield from _judge(context, (service, key), value, public=False)
    if context.enabled("proxy_service"):
        yield from _pairs(context)
    yield from _advertised(context)


def _judge(context: Context, path: provenance.Path, value: Any, *, public: bool) -> Iterator[Finding]:
    if isinstance(value, str) and not value.strip():
        return  # `shape` reports empty values
    parsed = network_address.parse(value)
    example = "teleport.example.com" if public else network_address.EVERY_IPV4
    if parsed is None:
        remedy = "write host:port, with an IPv6 address in brackets"
        yield context.error(path, f"{value!s} is not a valid address", remedy)
    elif parsed.host.isdigit():
        message = f"Teleport reads {value!s} as a host, not as a port"
        yield context.error(path, message, f"write {example}:{parsed.host}")
    elif parsed.port is not None and not 1 <= parsed.port <= 65535:
        message, remedy = f"{parsed.port} is not a valid port", "use a number from 1 to 65535"
        if public:
            yield context.own_rule(path, message, "because clients would be sent there", remedy)
        else:
            yield context.error(path, message, remedy)
    elif public and not parsed.host:
        remedy = f"write {example}:{parsed.port or port_table.HTTPS}"
        yield context.own_rule(path, f"{value!s} does not name a host", "because clients could not find it", remedy)


def _pairs(context: Context) -> Iterator[Finding]:
    for prefix in _PAIRED:
        public, listen = f"{prefix}_{_PUBLIC}", f"{prefix}_{_LISTEN}"
        if context.has("proxy_service", public) and not context.has("proxy_service", listen):
            remedy = f"set {listen} too, or delete {public} with null"
            yield context.error(("proxy_service", public), f"Teleport refuses this key without {listen}", remedy)


def _advertised(context: Context) -> Iterator[Finding]:
    path = ("teleport", "advertise_ip")
    written = context.get(*path)
    if written is None or not str(written).strip():
        return
    text = str(written).strip()
    host = text
    if ":" in text and not kinds.is_address(text):
        remedy = "write an address, or host:port, with an IPv6 address in brackets only where a port follows"
        try:
            host, port = go_url.split_host_port(text)
        except go_url.Malformed as error:
            yield context.error(path, f"{text} is not a valid address ({error}), and Teleport would not start", remedy)
            return
        if re.fullmatch("[+-]?[0-9]+", port, re.ASCII) is None:
            yield context.error(path, f"{port or 'nothing'} is not a port, and Teleport would not start", remedy)
        if not host:
            yield context.error(path, f"{text} does not name a host, and Teleport would not start", remedy)
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return
    if found.is_unspecified or found.is_multicast:
        message = f"other hosts cannot reach {found}, and Teleport would not start"
        yield context.error(path, message, "write the address of this instance")


def check_ports(context: Context) -> Iterator[Finding]:
    """Find ports that are used twice."""
    found = services.listeners(context.document)
    for index, second in enumerate(found):
        for first in found[:index]:
            if first.port != second.port or not (
                first.host == second.host or {first.host, second.host} & network_address.EVERYWHERE
            ):
                continue
            if {first.path, second.path} == _SHARED:
                yield from _web_and_tunnel(context, first, second)
            else:
                what = "Teleport's diagnostics" if first.path[-1] == "diag_addr" else provenance.dotted(first.path)
                message = f"port {second.port} is already used by {what}"
                # The operator may have changed either of the two.
                yield context.error(second.path, message, "use another port", first.path)


def _web_and_tunnel(context: Context, first: services.Listener, second: services.Listener) -> Iterator[Finding]:
    if context.deployment.plain_http:
        message = f"with --insecure-no-tls, port {second.port} cannot carry both web and tunnels"
        yield context.error(_TUNNEL, message, "use another port, or set TELEPORT_ACM_TARGET_PROTOCOL=https")
    elif first.host != second.host:
        message = "web and tunnels can share a port only if their addresses are the same, host included"
        yield context.error(_TUNNEL, message, "write the same address as web_listen_addr")
