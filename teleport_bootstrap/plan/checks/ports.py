"""Two listeners on one port: the second one fails when Teleport is already coming up."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.plan import listeners, network_address, provenance
from teleport_bootstrap.plan.checks.finding import Finding
from teleport_bootstrap.plan.checks.subject import Subject

_SHARED = {("proxy_service", "web_listen_addr"), ("proxy_service", "tunnel_listen_addr")}


def check(subject: Subject) -> Iterator[Finding]:
    """Find ports that are used twice."""
    found = listeners.ports(subject.document)
    for index, second in enumerate(found):
        for first in found[:index]:
            if first.port != second.port or not _overlap(first.host, second.host):
                continue
            if {first.path, second.path} == _SHARED:
                yield from _web_and_tunnel(subject, first, second)
            else:
                what = "Teleport's diagnostics" if first.path[-1] == "diag_addr" else ".".join(first.path)
                message = f"port {second.port} is already that of {what}"
                # Either of the two may be the one that somebody changed.
                origins = dict.fromkeys((*subject.origins(*second.path), *subject.origins(*first.path)))
                written = tuple(origin for origin in origins if origin != provenance.DEFAULT)
                yield Finding(second.path, message, "write another port", written or (provenance.DEFAULT,))


def _web_and_tunnel(subject: Subject, first: listeners.Listener, second: listeners.Listener) -> Iterator[Finding]:
    if subject.deployment.plain_http:
        yield subject.error(
            ("proxy_service", "tunnel_listen_addr"),
            f"with --insecure-no-tls, port {second.port} cannot carry both web and tunnels",
            "write another port, or set TELEPORT_ACM_TARGET_PROTOCOL=https",
        )
    elif first.host != second.host:
        yield subject.error(
            ("proxy_service", "tunnel_listen_addr"),
            "web and tunnels share a port only where both addresses are the same, host included",
            "write the same address as web_listen_addr",
        )


def _overlap(first: str, second: str) -> bool:
    return first == second or bool({first, second} & network_address.EVERYWHERE)
