"""Where Teleport will listen according to a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap import port_table
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.plan import enabled_services, network_address, provenance

# Given to Teleport by its unit with --diag-addr.
DIAGNOSTICS = kinds.HostPort("127.0.0.1", port_table.DIAGNOSTICS)


@dataclass(frozen=True)
class Listener:
    """One address that Teleport listens on, and the keys that set it."""

    path: tuple[str, ...]
    host: str
    port: int

    @property
    def reachable_host(self) -> str:
        """A host under which this machine itself reaches the listener."""
        return "127.0.0.1" if self.host in network_address.EVERYWHERE else self.host


# The key, the port that Teleport adds if the address has none, and whether Teleport listens there if the key is not
# written: under v3 a proxy listens only on its web port then.
_KEYS = (
    (("auth_service", "listen_addr"), port_table.AUTH, True),
    (("proxy_service", "web_listen_addr"), port_table.WEB, True),
    (("proxy_service", "listen_addr"), port_table.PROXY_SSH, False),
    (("proxy_service", "tunnel_listen_addr"), port_table.TUNNEL, False),
    (("proxy_service", "kube_listen_addr"), port_table.KUBERNETES, False),
    (("proxy_service", "mysql_listen_addr"), port_table.MYSQL, False),
    (("proxy_service", "postgres_listen_addr"), port_table.POSTGRES, False),
    (("proxy_service", "mongo_listen_addr"), port_table.MONGODB, False),
    (("proxy_service", "peer_listen_addr"), port_table.PEER, False),
    (("ssh_service", "listen_addr"), port_table.SSH, True),
    (("kubernetes_service", "listen_addr"), port_table.KUBERNETES, False),
    (("metrics_service", "listen_addr"), port_table.METRICS, True),
)


def all_in(document: dict[str, Any]) -> tuple[Listener, ...]:
    """Return every listener of the services that `document` enables, and the diagnostic one.

    An address that cannot be read is left out. An ssh_service that joins through a proxy does not listen: sessions
    come through the tunnel.
    """
    diagnostics = Listener(("teleport", "diag_addr"), DIAGNOSTICS.host, DIAGNOSTICS.port or 0)
    return (diagnostics, *_configured(document))


def web_address(document: dict[str, Any]) -> Listener | None:
    """Return where the proxy's web port listens, None where no proxy runs or the address cannot be read."""
    web = ("proxy_service", "web_listen_addr")
    return next((each for each in _configured(document) if each.path == web), None)


def _configured(document: dict[str, Any]) -> Iterator[Listener]:
    through_proxy = bool(provenance.value_at(document, ("teleport", "proxy_server")))
    for path, port, by_default in _KEYS:
        if not enabled_services.runs(document, path[0]) or (path[0] == "ssh_service" and through_proxy):
            continue
        value = provenance.value_at(document, path)
        unset = value in (None, "")
        if unset and not by_default:
            continue
        parsed = kinds.HostPort("0.0.0.0", None) if unset else network_address.parse(value)  # noqa: S104 - read, not bound
        if parsed is not None:
            yield Listener(path, parsed.host, port if parsed.port is None else parsed.port)
