"""Asking this host's own Teleport how it is."""

from __future__ import annotations

# Where the units let Teleport answer for itself: --diag-addr.
READY_URL = "http://127.0.0.1:3000/readyz"
READY_SECONDS = 0.5

READY = "ready"


def readiness() -> str:
    """Return what /readyz says: READY, degraded (503), starting or recovering (400), or that nobody answers."""
    import urllib.error  # noqa: PLC0415 - most commands never ask
    import urllib.request  # noqa: PLC0415

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(READY_URL, timeout=READY_SECONDS):
            return READY
    except urllib.error.HTTPError as error:
        return {400: "starting or recovering", 503: "degraded"}.get(error.code, f"answering {error.code}")
    except OSError:
        return f"not answering on {READY_URL}"
