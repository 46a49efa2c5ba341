"""Why a connection failed, in a few words."""

from __future__ import annotations

import re

# Texts of the kernel, the resolver and HTTP libraries, and their meaning; the first match counts.
_SIGNS = (
    ("connection refused", "connection refused"),
    ("connection reset", "connection reset"),
    ("network is unreachable", "network is unreachable"),
    ("no route to host", "no route to host"),
    ("name or service not known|name resolution|no address associated", "the endpoint's name does not resolve"),
    ("could not connect", "could not connect"),
    ("connect timeout|connection to", "no connection within its time limit"),
    ("timeout|timed out", "no answer within its time limit"),
    ("certificate", "the endpoint's certificate is not trusted"),
    ("connection (broken|aborted|was closed)|remote end closed|incompleteread", "the connection broke off"),
)


def reason(error: BaseException) -> str:
    """Return why the exchange with an HTTP server failed.

    The text of the exception is never repeated: it names objects in memory, and may contain the request.
    """
    text = str(error).lower()
    found: str | None = next((meaning for sign, meaning in _SIGNS if re.search(sign, text)), None)
    return found or f"the exchange failed ({type(error).__name__})"
