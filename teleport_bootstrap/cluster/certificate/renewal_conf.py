"""renewal/<domain>.conf, certbot's renewal settings: regenerated, with only a few settings copied.

The file in the bucket is never used unchanged. An account that can write to the bucket could name a hook in it, a
program that certbot runs as root. Older images left the name of a hook of theirs, and without that program certbot
refuses to renew. The paths in it are those of the host that wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from teleport_bootstrap.cluster.certificate import lineage_files

# The settings copied from [renewalparams], and their allowed values. The names are certbot's (STR_CONFIG_ITEMS and the
# like in its renewal.py). Without autorenew, since each certificate must be renewed.
_COPIED = {
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
_COPIED_ABOVE = {
    "version": re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}"),
    "renew_before_expiry": re.compile(r"[0-9]{1,3} (days?|weeks?)"),
}
_LINE = re.compile(r"([a-z0-9_]+)\s*=\s*(.*)")


def compose(
    domain: str, before: str | None, *, accounts: Collection[str], directory: str = lineage_files.CONFIG
) -> str:
    """Return the text of the file for a host whose certbot uses `directory`.

    Settings are copied from `before`, the same file from another place; without it, certbot's defaults apply. An
    account that is not in `accounts` is omitted: certbot then uses the one it has, or creates one.
    """
    above, params = _copied(before or "")
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
    return _copied(text or "")[1].get("account")


def _copied(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the settings to copy from above the sections, and those from [renewalparams]."""
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
        allowed, into = {"": (_COPIED_ABOVE, above), "[renewalparams]": (_COPIED, params)}.get(section, ({}, {}))
        if name in allowed and allowed[name].fullmatch(value):
            into[name] = value
    return above, params
