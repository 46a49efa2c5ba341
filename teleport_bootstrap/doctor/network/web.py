"""What answers at the cluster's web port: the connection, the certificates and the public ping, each asked once.

Each function raises Skipped where the stage before it has failed: another check is about that one.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from urllib.parse import urljoin, urlsplit

from teleport_bootstrap import json_data, port_table
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.network import connections, outbound_proxy, tls_peer, web_place
from teleport_bootstrap.doctor.network.web_place import Place
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import key_pair, time_limit, trust_store, web_port
from teleport_bootstrap.records import dataclass

_SECONDS = 6.0
_MOST_BYTES = 256 * 1024
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)

# Why there is no TLS.
PLAIN_HTTP, NO_TLS = "plain-http", "no-tls"


@dataclass(frozen=True)
class Handshake:
    """How the handshake went: `trouble` is PLAIN_HTTP or NO_TLS, `reason` why, in words; both empty where it worked."""

    peer: tls_peer.Peer | None = None
    trouble: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """The answer to the public ping; `server` is the header of that name, `body` what it holds in JSON.

    `path` are the places that it was redirected to; `is_endless` where that does not end or leads to another host.
    `trouble` says why there is no answer.
    """

    status: int = 0
    server: str = ""
    body: Any = None
    path: tuple[str, ...] = ()
    is_endless: bool = False
    trouble: str = ""

    @property
    def is_of_balancer(self) -> bool:
        """Whether an ALB answers itself, instead of what is behind it."""
        return self.status >= 500 and self.server.startswith("awselb/")

    @property
    def is_of_teleport(self) -> bool:
        """Whether Teleport's proxy answers: also without a connector, for which it has an error."""
        return isinstance(self.body, dict) and ("server_version" in self.body or "error" in self.body)


def attempt(subject: Subject) -> tuple[Place, connections.Attempt]:
    """Return where the web port is and how it went to connect to it; raises Skipped."""
    place = web_place.find(subject)
    if not place.is_served_here and outbound_proxy.stands_between(subject, place.host):
        raise Skipped("Teleport reaches the web port through the outbound proxy in its environment")
    return place, connections.attempt(subject, place.host, place.port)


def place(subject: Subject) -> Place:
    """Return where the web port is; raises Skipped where nothing is reached there."""
    where, tried = attempt(subject)
    if tried.trouble:
        raise Skipped(f"{where.url} is not reached: see the check `web-connection`")
    return where


def handshake(subject: Subject) -> Handshake:
    """Return how a handshake in TLS with the web port goes; raises Skipped."""
    where = place(subject)
    return subject.once("web-handshake", lambda: _shake_hands(where, store(subject)))


def peer(subject: Subject) -> tuple[Place, tls_peer.Peer]:
    """Return where the web port is, and what it shows in TLS; raises Skipped."""
    where, found = place(subject), handshake(subject)
    if found.peer is None:
        raise Skipped(f"{where.url} does not serve TLS: see the check `web-tls`")
    return where, found.peer


def certificate(subject: Subject) -> tuple[Place, tls_peer.Peer]:
    """Return the same, where the certificate could be read; raises Skipped."""
    where, found = peer(subject)
    if not found.own:
        raise Skipped(f"the certificate that {where.url} shows cannot be read")
    return where, found


def answer(subject: Subject) -> tuple[Place, Answer]:
    """Return where the web port is, and what it answers to the public ping; raises Skipped."""
    where, _ = peer(subject)
    return where, subject.once("web-answer", lambda: _ask(where))


def answer_of_target(subject: Subject) -> tuple[Place, Answer]:
    """Return what is answered by what is behind the balancer; raises Skipped where something else is."""
    where, found = answer(subject)
    if found.is_endless:
        raise Skipped("it is redirected without end: see the check `web-redirects`")
    if found.is_of_balancer:
        raise Skipped("the balancer answers itself: see the check `web-balancer`")
    return where, found


def ping(subject: Subject) -> tuple[Place, dict[str, Any]]:
    """Return what Teleport says of itself; raises Skipped where something else answers."""
    where, found = answer_of_target(subject)
    if not found.is_of_teleport:
        raise Skipped(f"Teleport does not answer at {where.url}: see the check `web-answer`")
    if "server_version" not in found.body:
        raise Skipped(f"{web_port.PING} answers {found.status}, as long as there is no connector for users to log in")
    return where, found.body


def store(subject: Subject) -> trust_store.TrustStore:
    """Return the authorities that this host's Teleport trusts."""
    return subject.once("trust", lambda: trust_store.read(subject.root, subject.host.unit, os.environ))


def _shake_hands(where: Place, trusted: trust_store.TrustStore) -> Handshake:
    try:
        with time_limit.Limit(_SECONDS):
            return Handshake(tls_peer.look(where.host, where.port, trusted))
    except (OSError, ValueError, key_pair.Unusable) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        if _speaks_plain_http(where):
            return Handshake(trouble=PLAIN_HTTP, reason="it answers in plain HTTP")
        return Handshake(trouble=NO_TLS, reason=str(reason).replace("_", " ").lower())


def _speaks_plain_http(where: Place) -> bool:
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        stack.enter_context(time_limit.Limit(tls_peer.SECONDS))
        connection = time_limit.connect(where.host, where.port, seconds=tls_peer.SECONDS)
        stack.enter_context(connection)
        connection.sendall(_request(where, web_port.PING))
        said = connection.recv(64)
        # Go's HTTPS server answers in plain HTTP too, with 400, to say that it wants TLS.
        return said.startswith(b"HTTP/") and b" 400 " not in said
    return False


def _ask(where: Place) -> Answer:
    path: list[str] = []
    url = where.url + web_port.PING
    try:
        with time_limit.Limit(_SECONDS):
            while True:
                found, location = _once(where, urlsplit(url).path or "/")
                if found.status not in _REDIRECTS or not location:
                    return Answer(found.status, found.server, found.body, tuple(path))
                url = urljoin(url, location)
                path.append(url)
                if len(path) >= _MOST_REDIRECTS or not _is_at(url, where):
                    return Answer(found.status, found.server, None, tuple(path), is_endless=True)
    except (OSError, ValueError, http.client.HTTPException) as error:
        timed_out = isinstance(error, (socket.timeout, TimeoutError))
        reason = "it does not answer in time" if timed_out else str(getattr(error, "strerror", None) or error)
        return Answer(path=tuple(path), trouble=reason or "it closes the connection")


def _is_at(url: str, where: Place) -> bool:
    parts = urlsplit(url)
    return (parts.scheme, (parts.hostname or "").lower(), parts.port or port_table.HTTPS) == (
        "https",
        where.host,
        where.port,
    )


def _once(where: Place, path: str) -> tuple[Answer, str]:
    """Return one answer, and where it redirects to."""
    with tls_peer.connected(where.host, where.port, tls_peer.client()) as connection:
        connection.sendall(_request(where, path))
        response = http.client.HTTPResponse(connection)
        response.begin()
        content = response.read(_MOST_BYTES)
        body: Any = None
        with contextlib.suppress(ValueError):
            body = json_data.parsed(content)
        found = Answer(response.status, response.headers.get("Server", ""), body)
        return found, response.headers.get("Location", "")


def _request(where: Place, path: str) -> bytes:
    host = where.url.partition("://")[2]
    lines = (f"GET {path} HTTP/1.1", f"Host: {host}", "User-Agent: teleport-bootstrap", "Connection: close", "", "")
    return "\r\n".join(lines).encode("ascii", "replace")
