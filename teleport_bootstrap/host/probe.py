"""Ask this host's own Teleport for its health."""

from __future__ import annotations

import contextlib
import http.client
import socket
from urllib.parse import urlsplit

from teleport_bootstrap import port_table
from teleport_bootstrap.host import time_limit

# Where the units let Teleport answer for itself: --diag-addr.
READY_URL = f"http://127.0.0.1:{port_table.DIAGNOSTICS}/readyz"
READY_SECONDS = 0.5  # for the connection, and again for each part of the answer
_READY_ALL_SECONDS = 1.0

READY = "ready"
# A Teleport that has not joined its cluster yet.
STARTING = "starting"
# One that had joined, and lost touch with its cluster.
RECOVERING = "recovering"
DEGRADED = "degraded"
NOT_LISTENING = f"not listening on {READY_URL}"
SILENT = f"not answering on {READY_URL}"
NOT_HTTP = f"not speaking HTTP on {READY_URL}"
_ANSWERING = "answering"

SSH_SECONDS = 1.0

_LONGEST_ANSWER_BYTES = 4096


def readiness() -> str:
    """Return what /readyz says: READY, DEGRADED (503), STARTING or RECOVERING (400), or that nothing answers.

    Both share status 400; Teleport's text says which: "teleport is recovering from a degraded state".
    """
    where = urlsplit(READY_URL)
    asking = http.client.HTTPConnection(where.hostname or "", where.port, timeout=READY_SECONDS)
    try:
        with time_limit.Limit(_READY_ALL_SECONDS), contextlib.closing(asking):
            asking.sock = time_limit.connect(asking.host, asking.port, seconds=READY_SECONDS)
            asking.request("GET", where.path)
            return _readiness(asking.getresponse())
    except OSError as error:
        return NOT_LISTENING if isinstance(error, ConnectionRefusedError) else SILENT
    except http.client.RemoteDisconnected:
        return SILENT
    except (http.client.HTTPException, ValueError):
        return NOT_HTTP


def _readiness(answer: http.client.HTTPResponse) -> str:
    if answer.status == 200:
        return READY
    if answer.status != 400:
        return DEGRADED if answer.status == 503 else f"{_ANSWERING} {answer.status}"
    text = b""
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        text = answer.read(_LONGEST_ANSWER_BYTES)
    return RECOVERING if b"recovering" in text else STARTING


WORDS = (READY, STARTING, RECOVERING, DEGRADED, "not-listening", "not-answering", "not-speaking-http", _ANSWERING)


def word(readiness: str) -> str:
    """Return the word for programs of what `readiness` returned, such as `not-listening`."""
    said = _ANSWERING if readiness.startswith(_ANSWERING) else readiness.partition(" on ")[0]
    return said.lower().replace(" ", "-")


def accepts(host: str, port: int) -> bool:
    """Whether something on this machine accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=SSH_SECONDS):
        return True
    return False


def speaks_ssh(host: str, port: int) -> bool:
    """Whether an SSH server on this machine introduces itself there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=SSH_SECONDS) as connection:
        return connection.recv(64).startswith(b"SSH-2.0-")
    return False
