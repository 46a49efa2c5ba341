"""The certificates that Teleport's web port serves with, and when they expire."""

from __future__ import annotations

import datetime
import os
import ssl
from dataclasses import dataclass
from typing import Any, Optional

from teleport_bootstrap import paths
from teleport_bootstrap.host import process

OPENSSL_SECONDS = 5.0
# Let's Encrypt's are renewed a month before; what is nearer than this has not been.
SOON_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True)
class Certificate:
    """A certificate at `path`: when it `expires`, in ISO 8601, None where that is `unknown` for the reason given."""

    path: str
    expires: Optional[str]
    unknown: str = ""

    def left_seconds(self, now: float) -> float | None:
        """Return how long it is still good at `now`, in seconds since 1970; negative where it has expired."""
        return None if self.expires is None else datetime.datetime.fromisoformat(self.expires).timestamp() - now


def used(root: paths.Root, document: dict[str, Any] | None) -> tuple[Certificate, ...]:
    """Return the certificates that the proxy of `document` serves with; they are read, and nothing else is."""
    proxy = (document or {}).get("proxy_service")
    pairs = proxy.get("https_keypairs") if isinstance(proxy, dict) else None
    paths = [pair.get("cert_file") for pair in pairs or () if isinstance(pair, dict)]
    return tuple(_read(root, path) for path in paths if isinstance(path, str) and path.startswith("/"))


def _read(root: paths.Root, path: str) -> Certificate:
    shown = root.path(path)
    if not os.path.exists(shown):
        return Certificate(path, None, "it is not there")
    done = process.run(["openssl", "x509", "-noout", "-enddate", "-in", shown], timeout_seconds=OPENSSL_SECONDS)
    if done.status == 127:
        return Certificate(path, None, "openssl is not installed")
    if not done.ok:
        return Certificate(path, None, "openssl finds no certificate in it")
    expires = parse_end_date(done.output)
    return Certificate(path, expires, "" if expires else "openssl's answer is not understood")


def parse_end_date(said: str) -> str | None:
    """Return what `openssl x509 -enddate` said, "notAfter=Nov  2 10:00:00 2026 GMT", in ISO 8601; None for others."""
    try:
        text = said.strip().partition("notAfter=")[2]
        moment = datetime.datetime.fromtimestamp(ssl.cert_time_to_seconds(text), datetime.timezone.utc)
    except ValueError:
        return None
    # Python takes February 30 for a day in March.
    return moment.isoformat(timespec="seconds") if str(moment.day) in text.split() else None
