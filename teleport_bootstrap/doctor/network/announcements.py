"""The addresses that this host's teleport.yaml announces to clients, and where they should end."""

from __future__ import annotations

from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.plan import network_address, provenance, services
from teleport_bootstrap.records import dataclass

WEB = ("proxy_service", "web_listen_addr")

# The key that announces, and the one of the listener where connections should end. What a proxy has no listener of its
# own for is served at its web port.
_KEYS = (
    (("proxy_service", "public_addr"), WEB),
    (("proxy_service", "ssh_public_addr"), ("proxy_service", "listen_addr")),
    (("proxy_service", "tunnel_public_addr"), ("proxy_service", "tunnel_listen_addr")),
    (("proxy_service", "kube_public_addr"), ("proxy_service", "kube_listen_addr")),
    (("proxy_service", "mysql_public_addr"), ("proxy_service", "mysql_listen_addr")),
    (("proxy_service", "postgres_public_addr"), ("proxy_service", "postgres_listen_addr")),
    (("proxy_service", "mongo_public_addr"), ("proxy_service", "mongo_listen_addr")),
    (("proxy_service", "peer_public_addr"), ("proxy_service", "peer_listen_addr")),
    (("auth_service", "public_addr"), ("auth_service", "listen_addr")),
    (("ssh_service", "public_addr"), ("ssh_service", "listen_addr")),
    (("kubernetes_service", "public_addr"), ("kubernetes_service", "listen_addr")),
)


@dataclass(frozen=True)
class Announcement:
    """An address that the key `path` announces, and the listener of this host that serves it."""

    path: tuple[str, str]
    host: str
    port: int
    listener: services.Listener

    @property
    def key(self) -> str:
        """The key, as people write it."""
        return provenance.dotted(self.path)


def every(subject: Subject) -> tuple[Announcement, ...]:
    """Return all of them; raises Skipped where there is no teleport.yaml."""
    document = subject.document
    by_path = {each.path: each for each in services.listeners(document)}
    found = []
    for path, listening in _KEYS:
        listener = by_path.get(listening) or (by_path.get(WEB) if path[0] == "proxy_service" else None)
        if not services.runs(document, path[0]) or listener is None:
            continue
        written = provenance.value_at(document, path)
        for value in written if isinstance(written, list) else [written]:
            parsed = network_address.parse(value)
            if parsed is not None and parsed.host:
                found.append(Announcement(path, parsed.host.lower(), parsed.port or listener.port, listener))
    return tuple(found)
