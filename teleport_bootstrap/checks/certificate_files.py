"""The certificate files that Teleport's web port serves, and when they expire."""

from __future__ import annotations

import datetime

from teleport_bootstrap import paths
from teleport_bootstrap.hints import Any, ClassVar
from teleport_bootstrap.host import process, regular_file
from teleport_bootstrap.records import dataclass

OPENSSL_SECONDS = 5.0


@dataclass(frozen=True)
class Certificate:
    """The certificate at `path`, and when it expires, in ISO 8601; None where that is `unknown`, with the reason."""

    json_keys: ClassVar[dict[str, str]] = {"expires": "expires_at", "unknown": "unknown_because"}

    path: str
    expires: str | None
    unknown: str | None = None

    def remaining_seconds(self, now: float) -> float | None:
        """Return how long it is valid at `now`, in seconds since 1970; negative where it has expired."""
        return None if self.expires is None else datetime.datetime.fromisoformat(self.expires).timestamp() - now


def served(root: paths.Root, document: dict[str, Any] | None) -> tuple[Certificate, ...]:
    """Return the certificates that the proxy of `document`, a teleport.yaml, serves. No private key is read."""
    proxy = (document or {}).get("proxy_service")
    pairs = proxy.get("https_keypairs") if isinstance(proxy, dict) else None
    files = [pair.get("cert_file") for pair in pairs or () if isinstance(pair, dict)]
    return tuple(_read(root, path) for path in files if isinstance(path, str) and path.startswith("/"))


def _read(root: paths.Root, path: str) -> Certificate:
    try:
        # Links are followed, since Teleport does. openssl itself would wait for a named pipe.
        content = regular_file.read(root.path(path), follow_links=True)
    except FileNotFoundError:
        return Certificate(path, None, "the file does not exist")
    except OSError as error:
        return Certificate(path, None, f"the file cannot be read: {error.strerror}")
    done = process.run(
        ["openssl", "x509", "-noout", "-enddate"],
        most_bytes=process.SHORT,
        timeout_seconds=OPENSSL_SECONDS,
        stdin=content,
    )
    if done.status == process.NOT_RUN:
        return Certificate(path, None, "openssl is not installed")
    if not done.ok:
        return Certificate(path, None, "openssl finds no certificate in the file")
    expires = parse_end_date(done.output)
    return Certificate(path, expires, None if expires else "the output of openssl is not understood")


def parse_end_date(output: str) -> str | None:
    """Return in ISO 8601 what `openssl x509 -enddate` prints, `notAfter=Nov  2 10:00:00 2026 GMT`; None for others."""
    try:
        moment = datetime.datetime.strptime(output.strip() + " +0000", "notAfter=%b %d %H:%M:%S %Y GMT %z")
    except ValueError:
        return None
    return moment.isoformat(timespec="seconds")
