"""Ask this host's own Teleport for its health."""

from __future__ import annotations

import contextlib
import http.client
import socket
import urllib.error
import urllib.request

from teleport_bootstrap import port_table

# Where the units let Teleport answer for itself: --diag-addr.
READY_URL = f"http://127.0.0.1:{port_table.DIAGNOSTICS}/readyz"
READY_SECONDS = 0.5

READY = "ready"
# A Teleport that has not joined its cluster yet.
STARTING = "starting"
# One that had joined, and lost touch with its cluster.
RECOVERING = "recovering"
DEGRADED = "degraded"
NOT_LISTENING = f"not listening on {READY_URL}"
SILENT = f"not answering on {READY_URL}"

SSH_SECONDS = 1.0

_LONGEST_ANSWER_BYTES = 4096


def readiness() -> str:
    """Return what /readyz says: READY, DEGRADED (503), STARTING or RECOVERING (400), or that nothing answers.

    Both share status 400; Teleport's text says which: "teleport is recovering from a degraded state".
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(READY_URL, timeout=READY_SECONDS):
            return READY
    except urllib.error.HTTPError as error:
        if error.code != 400:
            return DEGRADED if error.code == 503 else f"answering {error.code}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            if b"recovering" in error.read(_LONGEST_ANSWER_BYTES):
                return RECOVERING
        return STARTING
    except OSError as error:
        return NOT_LISTENING if isinstance(getattr(error, "reason", error), ConnectionRefusedError) else SILENT
    except http.client.HTTPException:
        return f"not speaking HTTP on {READY_URL}"


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
