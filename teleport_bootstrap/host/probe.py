"""Asking this host's own Teleport how it is."""

from __future__ import annotations

import contextlib

# Where the units let Teleport answer for itself: --diag-addr.
READY_URL = "http://127.0.0.1:3000/readyz"
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
    """Return what /readyz says: READY, DEGRADED (503), STARTING or RECOVERING (400), or that nobody answers.

    Both share status 400, and Teleport's text tells which: "teleport is recovering from a degraded state".
    """
    import urllib.error  # noqa: PLC0415 - most commands never ask
    import urllib.request  # noqa: PLC0415

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
