"""The certificate authorities that Teleport trusts on this host.

Teleport is written in Go, whose rule differs from OpenSSL's: the first bundle that exists, and in addition every file
of the directories. SSL_CERT_FILE replaces the bundle, SSL_CERT_DIR the directories. What counts is the environment of
Teleport's unit, not that of a shell.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from teleport_bootstrap import errors, escaping, paths, regex
from teleport_bootstrap.host import regular_file, systemd
from teleport_bootstrap.records import dataclass

# In Go's order: Debian, Amazon Linux and its relatives, SUSE, and others.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")

# A bundle has about 150 authorities in 220 kB; anything much larger is something else.
_LARGEST = 4 * 1024 * 1024
_MOST_FILES = 2000

_BLOCK = regex.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class TrustStore:
    """Authorities in PEM, each once and in a normal form, and where they were read, for people."""

    authorities: tuple[str, ...]
    source: str


def certificates(text: str) -> tuple[str, ...]:
    """Return the certificates in a PEM text, each in a normal form that can be compared."""
    return tuple(
        f"-----BEGIN CERTIFICATE-----\n{''.join(body.split())}\n-----END CERTIFICATE-----\n"
        for body in _BLOCK.findall(text)
    )


def read(root: paths.Root, unit: str | None, environ: Mapping[str, str]) -> TrustStore:
    """Return what Teleport trusts if `unit` starts it; `environ`, of this process, counts where there is no such unit.

    A root directory without a store, such as a scratch directory, is judged by the store of this machine. What cannot
    be read is left out, as Teleport does.
    """
    own = _unit_environment(root, unit)
    named = environ if own is None else own
    bundle, folders = named.get("SSL_CERT_FILE", ""), named.get("SSL_CERT_DIR", "")
    bundles = [bundle] if bundle else [root.path(each) for each in _BUNDLES]
    directories = (
        [each for each in folders.split(":") if each] if folders else [root.path(each) for each in _DIRECTORIES]
    )
    found = _read(bundles, directories)
    if not found.authorities and not (root.is_live or bundle or folders):
        return _read(list(_BUNDLES), list(_DIRECTORIES))
    return found


def _read(bundles: list[str], directories: list[str]) -> TrustStore:
    authorities: dict[str, None] = {}
    sources = []
    for path in bundles:
        content = text(path)
        if content is not None:
            authorities.update(dict.fromkeys(certificates(content)))
            sources.append(path)
            break
    for directory in directories:
        try:
            names = sorted(os.listdir(directory))[:_MOST_FILES]
        except OSError:
            continue
        sources.append(directory)
        for name in names:
            authorities.update(dict.fromkeys(certificates(text(f"{directory}/{name}") or "")))
    shown = escaping.one_line(" and ".join(sources or [*bundles, *directories]))
    return TrustStore(tuple(authorities), shown)


def text(path: str) -> str | None:
    """Return the text of the file at `path`, None where it is missing, unreadable or no such file as Teleport reads."""
    try:
        # The target of a link decides, as for Teleport. There can be thousands of files, so that none is waited for.
        return regular_file.read(path, follow_links=True, limit=_LARGEST, lease_seconds=0).decode("ascii", "replace")
    except (OSError, ValueError):
        return None


def _unit_environment(root: paths.Root, unit: str | None) -> dict[str, str] | None:
    if unit is None or not systemd.is_running(root) or not systemd.is_installed(root, unit):
        return None
    try:
        return systemd.environment(unit)
    except errors.UnitTrouble:
        return None
