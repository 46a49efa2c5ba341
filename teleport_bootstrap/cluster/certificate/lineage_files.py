"""Where certbot keeps things below /etc/letsencrypt, which the bucket mirrors at its top.

A key in the bucket is the path below /etc/letsencrypt. Besides these prefixes the bucket holds session recordings,
which nothing here ever lists or reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from teleport_bootstrap import paths

CONFIG = paths.LETSENCRYPT
WORK = paths.LETSENCRYPT_WORK
LOGS = paths.LETSENCRYPT_LOGS

ACCOUNTS = "accounts/"

# In the order in which they are written: no chain is ever seen before the key that it belongs to.
KINDS = ("privkey", "cert", "chain", "fullchain")

_NUMBERED = re.compile(rf"({'|'.join(KINDS)})([1-9][0-9]{{0,8}})\.pem")
# accounts/<directory of the ACME server>/<account>/<file>; what stands in a key becomes a path on this host.
_ACCOUNT = re.compile(r"accounts/([A-Za-z0-9._:~-]+/){1,6}([0-9a-f]{32})/(meta|private_key|regr)\.json")


def path(key: str) -> str:
    """Return where `key` is on an auth server."""
    return f"{CONFIG}/{key}"


def archive(domain: str) -> str:
    """Return the prefix of the numbered files of `domain`."""
    return f"archive/{domain}/"


def live(domain: str) -> str:
    """Return the prefix of the current files of `domain`."""
    return f"live/{domain}/"


def renewal(domain: str) -> str:
    """Return the key of what certbot renews the certificate of `domain` with."""
    return f"renewal/{domain}.conf"


def numbered(domain: str, kind: str, number: int) -> str:
    """Return the key of a file of the certificate that has this number."""
    return f"{archive(domain)}{kind}{number}.pem"


def current(domain: str, kind: str) -> str:
    """Return the key of a current file."""
    return f"{live(domain)}{kind}.pem"


def numbers(names: Iterable[str]) -> dict[int, frozenset[str]]:
    """Return which kinds of files there are for each number, the highest number first: 10 comes before 9.

    `names` are those of files in archive/<domain>/; certbot passes over any that does not look so, as this does.
    """
    found: dict[int, set[str]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match:
            found.setdefault(int(match.group(2)), set()).add(match.group(1))
    return {number: frozenset(found[number]) for number in sorted(found, reverse=True)}


def account(key: str) -> str | None:
    """Return the account that the file at `key` belongs to; None for what is no file of an account."""
    match = _ACCOUNT.fullmatch(key)
    if match is None or any(part in (".", "..") for part in key.split("/")):
        return None
    return match.group(2)
