"""renewal/<domain>.conf, from which certbot knows how to renew: made anew from the little that is taken over.

What lies in the bucket is never used as it is. Whoever can write there could name a hook in it, a program that certbot
runs as root; and older images left the name of a hook of theirs, without which certbot refuses to renew at all. The
paths in it are those of the host that wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from teleport_bootstrap.cluster.certificate import lineage_files

# What may be taken over from [renewalparams], and what it may look like. The names are certbot's (STR_CONFIG_ITEMS and
# the like in its renewal.py). Not autorenew: certificates that are not renewed are what this exists against.
_TAKEN = {
    "account": re.compile(r"[0-9a-f]{32}"),
    "server": re.compile(r"https://[A-Za-z0-9.:/_~%\[\]-]{1,300}"),
    "key_type": re.compile(r"rsa|ecdsa"),
    "rsa_key_size": re.compile(r"[0-9]{4,5}"),
    "elliptic_curve": re.compile(r"[a-z0-9]{1,20}"),
    "preferred_chain": re.compile(r"[A-Za-z0-9 .'()-]{1,100}"),
    "must_staple": re.compile(r"True|False"),
    "reuse_key": re.compile(r"True|False"),
    "dns_route53_propagation_seconds": re.compile(r"[0-9]{1,4}"),
}
_TAKEN_ABOVE = {
    "version": re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}"),
    "renew_before_expiry": re.compile(r"[0-9]{1,3} (days?|weeks?)"),
}
_LINE = re.compile(r"([a-z0-9_]+)\s*=\s*(.*)")


def made(domain: str, before: str | None, *, accounts: Collection[str], directory: str = lineage_files.CONFIG) -> str:
    """Return the text of the file for a host whose certbot keeps its things in `directory`.

    Settings are taken over from `before`, the same file from elsewhere; without one, certbot's defaults hold. An
    account that is none of `accounts` is not named: certbot then takes the one it has, or makes one.
    """
    above, params = _taken(before or "")
    if params.get("account") not in accounts:
        params.pop("account", None)
    lines = [f"{name} = {value}" for name, value in above.items()]
    lines.append(f"archive_dir = {directory}/{lineage_files.archive(domain).rstrip('/')}")
    lines += [
        f"{kind} = {directory}/{lineage_files.current(domain, kind)}"
        for kind in ("cert", "privkey", "chain", "fullchain")
    ]
    lines += ["", "# Options used in the renewal process", "[renewalparams]"]
    lines += [f"{name} = {value}" for name, value in sorted({**params, "authenticator": "dns-route53"}.items())]
    return "\n".join(lines) + "\n"


def account(text: str | None) -> str | None:
    """Return the account that the file names."""
    return _taken(text or "")[1].get("account")


def _taken(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is taken over from above the sections, and from [renewalparams]."""
    above: dict[str, str] = {}
    params: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            continue
        name, value = match.group(1), match.group(2).strip().strip("\"'")
        known, into = {"": (_TAKEN_ABOVE, above), "[renewalparams]": (_TAKEN, params)}.get(section, ({}, {}))
        if name in known and known[name].fullmatch(value):
            into[name] = value
    return above, params
