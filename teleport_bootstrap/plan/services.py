"""Which services Teleport runs according to a document, and where they will listen."""

from __future__ import annotations

import contextlib

from teleport_bootstrap import port_table
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import network_address, provenance
from teleport_bootstrap.records import dataclass

_ON = frozenset(("yes", "yeah", "y", "true", "1", "on"))
_OFF = frozenset(("no", "nope", "n", "false", "0", "off"))

# On unless the document disables them; every other service is off unless it enables it.
_BY_DEFAULT = ("auth_service", "proxy_service", "ssh_service")


def truth(value: Any) -> bool | None:
    """Return how Teleport reads a boolean: None for a word that it does not know.

    See ParseBool in Teleport's api/utils.
    """
    word = str(value).lower() if isinstance(value, (str, bool, int)) else ""
    return True if word in _ON else False if word in _OFF else None


def runs(document: dict[str, Any], service: str) -> bool:
    """Return whether Teleport runs `service`: an unknown word disables it, a missing one means the default."""
    section = document.get(service)
    word = section.get("enabled") if isinstance(section, dict) else None
    return service in _BY_DEFAULT if word in (None, "") else truth(word) is True


def running(document: dict[str, Any]) -> list[str]:
    """Return the names of the services that run."""
    named = dict.fromkeys((*_BY_DEFAULT, *(key for key in document if key.endswith("_service"))))
    return [name for name in named if runs(document, name)]


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
    (("metrics_service", "listen_addr"), port_table.METRICS, False),
)


def listeners(document: dict[str, Any]) -> tuple[Listener, ...]:
    """Return every listener of the services that `document` enables, and the diagnostic one.

    An address that cannot be read is left out. An ssh_service that joins through a proxy does not listen: sessions
    come through the tunnel.
    """
    # Teleport's unit sets the diagnostic address with --diag-addr.
    found = [Listener(("teleport", "diag_addr"), "127.0.0.1", port_table.DIAGNOSTICS)]
    through_proxy = bool(provenance.value_at(document, ("teleport", "proxy_server")))
    for path, port, by_default in _KEYS:
        if not runs(document, path[0]) or (path[0] == "ssh_service" and through_proxy):
            continue
        value = provenance.value_at(document, path)
        unset = value in (None, "")
        if unset and not by_default:
            continue
        parsed = network_address.parse(network_address.EVERY_IPV4 if unset else value)
        if parsed is not None:
            found.append(Listener(path, parsed.host, port if parsed.port is None else parsed.port))
    return tuple(found)


def public_name(document: dict[str, Any]) -> str:
    """Return the proxy's first public address that is a DNS name, without its port; empty where it has none."""
    value = provenance.value_at(document, ("proxy_service", "public_addr"))
    for each in value if isinstance(value, list) else [value]:
        parsed = network_address.parse(each)
        if parsed is not None:
            with contextlib.suppress(kinds.Unfit):
                return kinds.dns_name(parsed.host.rstrip("."))
    return ""


def has_own_acme(document: dict[str, Any]) -> bool:
    """Return whether the proxy obtains its certificates from an ACME authority itself."""
    return truth(provenance.value_at(document, ("proxy_service", "acme", "enabled"))) is True


def web_address(document: dict[str, Any]) -> Listener | None:
    """Return where the proxy's web port listens, None where no proxy runs or the address cannot be read."""
    return next((each for each in listeners(document) if each.path == ("proxy_service", "web_listen_addr")), None)
