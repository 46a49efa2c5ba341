"""certbot's files below /etc/letsencrypt, which the bucket mirrors at its top level.

A key in the bucket is the path below /etc/letsencrypt. The bucket also holds session recordings under other prefixes,
which are never listed or read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from teleport_bootstrap import paths

CONFIG = paths.LETSENCRYPT
WORK = paths.LETSENCRYPT_WORK
LOGS = paths.LETSENCRYPT_LOGS

ACCOUNTS = "accounts/"

# In the order in which they are written: a chain is never visible before its key.
KINDS = ("privkey", "cert", "chain", "fullchain")

_NUMBERED = re.compile(rf"({'|'.join(KINDS)})([1-9][0-9]{{0,8}})\.pem")
# accounts/<directory of the ACME server>/<account>/<file>; a key becomes a path on this host.
_ACCOUNT = re.compile(r"accounts/([A-Za-z0-9._:~-]+/){1,6}([0-9a-f]{32})/(meta|private_key|regr)\.json")


def path(key: str) -> str:
    """Return the path of `key` on an auth server."""
    return f"{CONFIG}/{key}"


def archive(domain: str) -> str:
    """Return the prefix of the numbered files of `domain`."""
    return f"archive/{domain}/"


def live(domain: str) -> str:
    """Return the prefix of the current files of `domain`."""
    return f"live/{domain}/"


def renewal(domain: str) -> str:
    """Return the key of certbot's renewal settings for `domain`."""
    return f"renewal/{domain}.conf"


def numbered(domain: str, kind: str, number: int) -> str:
    """Return the key of a file of the certificate with this number."""
    return f"{archive(domain)}{kind}{number}.pem"


def current(domain: str, kind: str) -> str:
    """Return the key of a current file."""
    return f"{live(domain)}{kind}.pem"


def numbers(names: Iterable[str]) -> dict[int, frozenset[str]]:
    """Return the kinds of files that exist for each number, the highest number first: 10 comes before 9.

    `names` are file names in archive/<domain>/; other names are ignored, as certbot does.
    """
    found: dict[int, set[str]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match:
            found.setdefault(int(match.group(2)), set()).add(match.group(1))
    return {number: frozenset(found[number]) for number in sorted(found, reverse=True)}


def account(key: str) -> str | None:
    """Return the account that the file at `key` belongs to; None for any other file."""
    match = _ACCOUNT.fullmatch(key)
    if match is None or any(part in (".", "..") for part in key.split("/")):
        return None
    return match.group(2)
