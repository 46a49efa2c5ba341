"""The certificate files that Teleport's web port serves, and from when until when they are valid."""

from __future__ import annotations

import datetime

from teleport_bootstrap import paths
from teleport_bootstrap.hints import Any, ClassVar
from teleport_bootstrap.host import process, regular_file, renewal
from teleport_bootstrap.records import dataclass

OPENSSL_SECONDS = 5.0


@dataclass(frozen=True)
class Certificate:
    """The certificate at `path`, and from when until when it is valid, in ISO 8601.

    Both are None where that is `unknown`, with the reason.
    """

    json_keys: ClassVar[dict[str, str]] = {
        "expires": "expires_at",
        "unknown": "unknown_because",
        "begins": "begins_at",
    }

    path: str
    expires: str | None
    unknown: str | None = None
    begins: str | None = None

    def remaining_seconds(self, now: float) -> float | None:
        """Return how long it is valid at `now`, in seconds since 1970; negative where it has expired."""
        return None if self.expires is None else _seconds(self.expires) - now

    def is_late(self, now: float) -> bool:
        """Return whether it should have been renewed before `now`; not where its end is unknown."""
        if self.expires is None:
            return False
        return renewal.is_late(now, None if self.begins is None else _seconds(self.begins), _seconds(self.expires))


def _seconds(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()


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
        ["openssl", "x509", "-noout", "-startdate", "-enddate"],
        most_bytes=process.SHORT,
        timeout_seconds=OPENSSL_SECONDS,
        stdin=content,
    )
    if done.status == process.NOT_RUN:
        return Certificate(path, None, "openssl is not installed")
    if not done.ok:
        return Certificate(path, None, "openssl finds no certificate in the file")
    try:
        begins, expires = parse_dates(done.output)
    except ValueError:
        return Certificate(path, None, "the output of openssl is not understood")
    return Certificate(path, expires, begins=begins)


def parse_dates(output: str) -> tuple[str, str]:
    """Return in ISO 8601 what `openssl x509 -startdate -enddate` prints; raises ValueError for other output.

    It prints two lines, `notBefore=Aug  4 10:00:00 2026 GMT` and `notAfter=Nov  2 10:00:00 2026 GMT`.
    """
    begins, expires = output.strip().splitlines()
    return _date("notBefore", begins), _date("notAfter", expires)


def _date(name: str, line: str) -> str:
    moment = datetime.datetime.strptime(f"{line} +0000", f"{name}=%b %d %H:%M:%S %Y GMT %z")
    return moment.isoformat(timespec="seconds")
