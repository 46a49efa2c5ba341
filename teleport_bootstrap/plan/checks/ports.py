"""Two listeners on one port: Teleport would fail while it starts."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.finding import ERROR, Finding
from teleport_bootstrap.plan import network_address, provenance, services
from teleport_bootstrap.plan.checks.context import Context

_TUNNEL = ("proxy_service", "tunnel_listen_addr")
_SHARED = {("proxy_service", "web_listen_addr"), _TUNNEL}


def check(context: Context) -> Iterator[Finding]:
    """Find ports that are used twice."""
    found = services.listeners(context.document)
    for index, second in enumerate(found):
        for first in found[:index]:
            if first.port != second.port or not _overlap(first.host, second.host):
                continue
            if {first.path, second.path} == _SHARED:
                yield from _web_and_tunnel(context, first, second)
            else:
                what = "Teleport's diagnostics" if first.path[-1] == "diag_addr" else provenance.dotted(first.path)
                message = f"port {second.port} is already used by {what}"
                # The operator may have changed either of the two.
                origins = dict.fromkeys((*context.origins(*second.path), *context.origins(*first.path)))
                written = [origin for origin in origins if origin != provenance.DEFAULT] or [provenance.DEFAULT]
                yield context.finding(ERROR, second.path, message, "use another port", written)


def _web_and_tunnel(context: Context, first: services.Listener, second: services.Listener) -> Iterator[Finding]:
    if context.deployment.plain_http:
        message = f"with --insecure-no-tls, port {second.port} cannot carry both web and tunnels"
        yield context.error(_TUNNEL, message, "use another port, or set TELEPORT_ACM_TARGET_PROTOCOL=https")
    elif first.host != second.host:
        message = "web and tunnels can share a port only if their addresses are the same, host included"
        yield context.error(_TUNNEL, message, "write the same address as web_listen_addr")


def _overlap(first: str, second: str) -> bool:
    return first == second or bool({first, second} & network_address.EVERYWHERE)
