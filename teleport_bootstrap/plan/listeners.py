"""Where Teleport will listen according to a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from teleport_bootstrap import port_table
from teleport_bootstrap.plan import enabled_services, network_address

# Given to Teleport by its unit with --diag-addr.
DIAGNOSTICS = network_address.Address("127.0.0.1", port_table.DIAGNOSTICS)

# Keys of proxy_service, with the port Teleport adds if the address has none. Under v3 nothing but the web port
# listens unless it is written.
_PROXY = (
    ("listen_addr", port_table.PROXY_SSH),
    ("tunnel_listen_addr", port_table.TUNNEL),
    ("kube_listen_addr", port_table.KUBERNETES),
    ("mysql_listen_addr", port_table.MYSQL),
    ("postgres_listen_addr", port_table.POSTGRES),
    ("mongo_listen_addr", port_table.MONGODB),
    ("peer_listen_addr", port_table.PEER),
)


@dataclass(frozen=True)
class Listener:
    """One address that Teleport listens on, and the keys that say so."""

    path: tuple[str, ...]
    host: str
    port: int

    @property
    def reachable_host(self) -> str:
        """A host under which this machine itself reaches the listener."""
        return "127.0.0.1" if self.host in network_address.EVERYWHERE else self.host


def all_in(document: dict[str, Any]) -> tuple[Listener, ...]:
    """Return every listener of the services that `document` enables, and the diagnostic one.

    An address that cannot be read is left out. Of an ssh_service that joins through a proxy nothing listens: sessions
    come through the tunnel.
    """
    found = [
        Listener(("teleport", "diag_addr"), DIAGNOSTICS.host, DIAGNOSTICS.port or 0),
        *_service(document, "auth_service", "listen_addr", port_table.AUTH, default=True),
    ]
    web = web_address(document)
    if web is not None:
        found.append(web)
        for key, port in _PROXY:
            found += _service(document, "proxy_service", key, port)
    if not _section(document, "teleport").get("proxy_server"):
        found += _service(document, "ssh_service", "listen_addr", port_table.SSH, default=True)
    found += _service(document, "kubernetes_service", "listen_addr", port_table.KUBERNETES)
    found += _service(document, "metrics_service", "listen_addr", port_table.METRICS, default=True)
    return tuple(found)


def web_address(document: dict[str, Any]) -> Optional[Listener]:
    """Return where the proxy's web port listens, None where no proxy runs or the address cannot be read."""
    found = _service(document, "proxy_service", "web_listen_addr", port_table.WEB, default=True)
    return found[0] if found else None


def _service(
    document: dict[str, Any], service: str, key: str, port: int, *, default: bool = False
) -> tuple[Listener, ...]:
    section = _section(document, service)
    if not enabled_services.runs(document, service):
        return ()
    value = section.get(key)
    if value in (None, ""):
        return (Listener((service, key), "0.0.0.0", port),) if default else ()  # noqa: S104 - Teleport's default
    parsed = network_address.parse(value)
    if parsed is None:
        return ()
    return (Listener((service, key), parsed.host, port if parsed.port is None else parsed.port),)


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}
