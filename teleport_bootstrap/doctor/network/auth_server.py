"""Whether this host reaches the auth servers that it connects to."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import port_table
from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import connections, names, outbound_proxy, resolution
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.plan import network_address, provenance

_KEYS = (("teleport", "auth_server"), ("teleport", "auth_servers"))


def _addresses(subject: Subject) -> Iterator[tuple[str, int]]:
    for path in _KEYS:
        written = provenance.value_at(subject.document, path)
        for value in written if isinstance(written, list) else [written]:
            parsed = network_address.parse(value)
            if parsed is not None and parsed.host:
                yield parsed.host.lower(), parsed.port or port_table.AUTH


def _run(subject: Subject) -> Iterator[Finding]:
    found = list(dict.fromkeys(_addresses(subject)))
    if not found:
        raise Skipped("this host does not connect to an auth server elsewhere")
    if all(outbound_proxy.stands_between(subject, host) for host, _ in found):
        raise Skipped("Teleport reaches them through the outbound proxy in its environment")
    own_check = names.every(subject)
    wrong = [host for host, _ in found if not resolution.addresses(subject, host)]
    if all(host in wrong and host in own_check for host, _ in found):
        raise Skipped(f"{' and '.join(wrong)} does not resolve: another check is about that")
    for host, port in found:
        if host not in wrong:
            yield _reached(connections.attempt(subject, host, port))
        elif host not in own_check:
            message = f"{host}, an auth server in teleport.yaml, does not resolve"
            remedy = f"correct it with `teleport-bootstrap reconfigure`, or create its record; see `dig {host}`"
            yield Finding(ERROR, "auth-server-name", host, message, remedy)


def _reached(tried: connections.Attempt) -> Finding:
    if tried.trouble:
        return Finding(ERROR, f"auth-server-{tried.trouble}", tried.where, tried.message, tried.remedy)
    return Finding(NOTE, "auth-server-reached", tried.where, f"{tried.where} accepts connections")


CHECK = Check("auth-server", NETWORK, "the auth servers that this host connects to: whether it reaches them", _run)
