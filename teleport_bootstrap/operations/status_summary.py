"""What an operator wants to know of a host first: which cluster it serves, where, since when, and its last backup."""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap import port_table
from teleport_bootstrap.checks import host_facts
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import jobs


@dataclass(frozen=True)
class Summary:
    """`configured` is false where there is no teleport.yaml, and nothing was ever applied.

    Each of the others is None where it is unknown, or where the role has no such thing: `running` says whether systemd
    runs Teleport, `web_address` is a URL, `joined_through` the auth server or the proxy through which this host reaches
    its cluster, and `last_backup_at` when a verified backup was made by a command on this host.
    """

    configured: bool
    running: bool | None = None
    running_since_at: str | None = None
    cluster: str | None = None
    web_address: str | None = None
    joined_through: str | None = None
    last_backup_at: str | None = None


def of_host(host: host_facts.HostFacts) -> Summary:
    """Return the summary of a host, from what was applied to it, otherwise from its teleport.yaml."""
    document = host_facts.applied_document(host)
    teleport, auth, proxy = (_section(document, name) for name in ("teleport", "auth_service", "proxy_service"))
    running = host_facts.is_running(host.unit_state)
    backup = next((each for each in host.jobs if each.name == jobs.BACKUP), None)
    return Summary(
        configured=host.has_teleport_yaml or host.current is not None,
        running=running if host.units else None,
        running_since_at=clock.iso(host.unit_state.started) if running and host.unit_state.started else None,
        cluster=_text(auth.get("cluster_name")),
        web_address=_url(_first(proxy.get("public_addr"))),
        joined_through=next(
            filter(None, (_first(teleport.get(key)) for key in ("proxy_server", "auth_server", "auth_servers"))), None
        ),
        last_backup_at=backup.last_success if backup is not None else None,
    )


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def _first(value: Any) -> str | None:
    """Return an address, or the first one of a list."""
    return _text(value[0] if isinstance(value, list) and value else value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _url(address: str | None) -> str | None:
    if address is None:
        return None
    return f"https://{address.removesuffix(f':{port_table.HTTPS}')}"
