"""Ask the web port of this host's own proxy whether it listens."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from teleport_bootstrap import regex
from teleport_bootstrap.host import time_limit
from teleport_bootstrap.records import dataclass

SECONDS = 3.0

PING = "/webapi/ping"

_LONGEST_STATUS_LINE = 512
_STATUS_LINE = regex.compile(rb"HTTP/[0-9.]+ ([0-9]{3})[ \r\n]")

# How OpenSSL calls what it was told by an alert of the other side, in contrast to what it found itself.
_ALERTS = ("TLSV1", "SSLV3_ALERT")


@dataclass(frozen=True)
class WebPort:
    """Where the proxy listens, and how: `server_name` is its public name, empty for none, asked for in TLS.

    `has_own_acme` says that Teleport obtains its certificate itself: until it has one, and for every other name, it
    ends a TLS handshake by an alert.
    """

    host: str
    port: int
    tls: bool = True
    server_name: str = ""
    has_own_acme: bool = False

    @property
    def url(self) -> str:
        """The URL of the public ping, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{PING}"


@dataclass(frozen=True)
class Answer:
    """What was heard: `trouble` says why the port does not serve, in words, and is empty where it does.

    `status` is the HTTP status of the public ping, None without one.
    """

    trouble: str = ""
    status: int | None = None


def ask(where: WebPort, *, seconds: float = SECONDS) -> Answer:
    """Return what the port answers, after at most three times `seconds`, which is the time for each step.

    Any answer in HTTP shows that the proxy listens, whatever its status. The certificate is not checked: it is never
    valid for this machine's own address.
    """
    try:
        with time_limit.Limit(3 * seconds), contextlib.ExitStack() as stack:
            connection = _connected(where, where.server_name, seconds, stack)
            if connection is None:
                return Answer()
            return Answer(status=_status(where, connection, seconds))
    except (OSError, ValueError) as error:  # a ValueError is also a name that TLS cannot carry
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        return Answer(f"the proxy's web port does not answer at {where.url}: {reason}")


def _connected(where: WebPort, server_name: str, seconds: float, stack: contextlib.ExitStack) -> socket.socket | None:
    """Return a connection that is ready for HTTP; None where Teleport is there and has no certificate yet."""
    connection = stack.enter_context(time_limit.connect(where.host, where.port, seconds=seconds))
    if not where.tls:
        return connection
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return stack.enter_context(context.wrap_socket(connection, server_hostname=server_name or None))
    except ssl.SSLError as error:
        if where.has_own_acme and (error.reason or "").startswith(_ALERTS):
            return None
        raise
    except socket.timeout:
        if not where.has_own_acme or not server_name:
            raise
        # Teleport may be obtaining the certificate for that name; to a handshake without one it answers at once.
        return _connected(where, "", seconds, stack)


def _status(where: WebPort, connection: socket.socket, seconds: float) -> int:
    """Return the HTTP status of the public ping. Raises ValueError where the answer is not HTTP."""
    deadline = time.monotonic() + seconds
    host = where.url.partition("://")[2].partition("/")[0]
    connection.sendall(f"GET {PING} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii"))
    said = b""
    while b"\n" not in said and len(said) < _LONGEST_STATUS_LINE:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        more = connection.recv(_LONGEST_STATUS_LINE)
        if not more:
            break
        said += more
    found = _STATUS_LINE.match(said)
    if found is None:
        raise ValueError("it does not speak HTTP" if said else "it closed the connection")
    return int(found[1])
