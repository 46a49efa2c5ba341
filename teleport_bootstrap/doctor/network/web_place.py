"""Where the cluster's web port is for everyone else."""

from __future__ import annotations

from teleport_bootstrap import port_table
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.network import names
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.plan import network_address, provenance, services
from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class Place:
    """Host and port; `is_served_here` where this host's own proxy is one of those behind it."""

    host: str
    port: int
    is_served_here: bool = False

    @property
    def url(self) -> str:
        """The URL, for messages, without a path."""
        if self.port == port_table.HTTPS:
            return f"https://{network_address.joined(self.host, self.port).removesuffix(f':{self.port}')}"
        return f"https://{network_address.joined(self.host, self.port)}"


def find(subject: Subject) -> Place:
    """Return the proxy's first public address, or how this host finds the proxies; raises Skipped where none is known.

    An agent has it in proxy_server; the others know the domain, under which the proxies serve at the port of HTTPS.
    """
    try:
        document = subject.document
    except Skipped:
        return Place(names.domain(subject), port_table.HTTPS)
    if services.runs(document, "proxy_service"):
        written = provenance.value_at(document, ("proxy_service", "public_addr"))
        first = network_address.parse(written[0] if isinstance(written, list) and written else written)
        web = services.web_address(document)
        if first is not None and first.host and web is not None:
            return Place(first.host.lower(), first.port or web.port, is_served_here=True)
    through = network_address.parse(provenance.value_at(document, ("teleport", "proxy_server")))
    if through is not None and through.host:
        return Place(through.host.lower(), through.port or port_table.WEB)
    return Place(names.domain(subject), port_table.HTTPS)
