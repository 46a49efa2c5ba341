"""Ask this host's own Teleport for its health."""

from __future__ import annotations

import contextlib
import http.client
import os
import urllib.error
import urllib.request

from teleport_bootstrap import paths, port_table

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
        with contextlib.suppress(OSError):
            if b"recovering" in error.read(_LONGEST_ANSWER_BYTES):
                return RECOVERING
        return STARTING
    except OSError as error:
        return NOT_LISTENING if isinstance(getattr(error, "reason", error), ConnectionRefusedError) else SILENT
    except http.client.HTTPException:
        return f"not speaking HTTP on {READY_URL}"


def process_id(root: paths.Root) -> int | None:
    """Return the process that Teleport's pid file names, None without one."""
    with contextlib.suppress(OSError, ValueError), open(root.path(paths.PID_FILE), encoding="ascii") as file:
        return int(file.read(32).strip())
    return None


def successors(process_id: int) -> list[int]:
    """Return the children of a Teleport that run as it does: the successors that a reload has started.

    Its other children, such as people's sessions, have other arguments.
    """
    arguments = _arguments(process_id)
    return [child for child in _children(process_id) if arguments and _arguments(child) == arguments]


def _children(process_id: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{int(name)}/stat", encoding="utf-8", errors="replace") as file:
                # The name before the last parenthesis may hold anything; after it come state and parent.
                state, parent = file.read().rpartition(")")[2].split()[:2]
            if int(parent) == process_id and state != "Z":
                found.append(int(name))
    return found


def _arguments(process_id: int) -> list[bytes]:
    """Return the arguments of a process, without the name it was called by; empty where it is gone."""
    try:
        with open(f"/proc/{process_id}/cmdline", "rb") as file:
            return file.read().split(b"\0")[1:]
    except OSError:
        return []
