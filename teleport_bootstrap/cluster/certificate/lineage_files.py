"""certbot's files below /etc/letsencrypt, which the bucket mirrors at its top level: their names and renewal settings.

A key in the bucket is the path below /etc/letsencrypt. The bucket also holds session recordings under other prefixes,
which are never listed or read here.

renewal/<domain>.conf, certbot's renewal settings, is regenerated, with only a few settings copied. The file in the
bucket is never used unchanged: an account that can write to the bucket could name a hook in it, a program that certbot
runs as root. Older images left the name of a hook of theirs, and without that program certbot refuses to renew. The
paths in it are those of the host that wrote it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from teleport_bootstrap import paths, regex

CONFIG = paths.LETSENCRYPT
WORK = paths.LETSENCRYPT_WORK
LOGS = paths.LETSENCRYPT_LOGS

ACCOUNTS = "accounts/"

# In the order in which they are written: a chain is never visible before its key.
KINDS = ("privkey", "cert", "chain", "fullchain")

_NUMBERED = regex.compile(rf"({'|'.join(KINDS)})([1-9][0-9]{{0,8}})\.pem")
# accounts/<directory of the ACME server>/<account>/<file>; a key becomes a path on this host.
_ACCOUNT = regex.compile(r"accounts/([A-Za-z0-9._:~-]+/){1,6}([0-9a-f]{32})/(meta|private_key|regr)\.json")

# The renewal settings that are copied, by section, and their allowed values. The names are certbot's (STR_CONFIG_ITEMS
# and the like in its renewal.py). Without autorenew, since each certificate must be renewed.
_COPIED = {
    "": {
        "version": regex.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}"),
        "renew_before_expiry": regex.compile(r"[0-9]{1,3} (days?|weeks?)"),
    },
    "[renewalparams]": {
        "account": regex.compile(r"[0-9a-f]{32}"),
        "server": regex.compile(r"https://[A-Za-z0-9.:/_~%\[\]-]{1,300}"),
        "key_type": regex.compile(r"rsa|ecdsa"),
        "rsa_key_size": regex.compile(r"[0-9]{4,5}"),
        "elliptic_curve": regex.compile(r"[a-z0-9]{1,20}"),
        "preferred_chain": regex.compile(r"[A-Za-z0-9 .'()-]{1,100}"),
        "must_staple": regex.compile(r"True|False"),
        "reuse_key": regex.compile(r"True|False"),
        "dns_route53_propagation_seconds": regex.compile(r"[0-9]{1,4}"),
    },
}
_LINE = regex.compile(r"([a-z0-9_]+)\s*=\s*(.*)")


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
    return None if match is None or {".", ".."} & set(key.split("/")) else match.group(2)


def compose_renewal(domain: str, before: str | None, *, accounts: Collection[str], directory: str = CONFIG) -> str:
    """Return the renewal settings for a host whose certbot uses `directory`.

    Settings are copied from `before`, the same file from another place; without it, certbot's defaults apply. An
    account that is not in `accounts` is omitted: certbot then uses the one it has, or creates one.
    """
    copied = _copied(before or "")
    above, params = copied[""], copied["[renewalparams]"]
    if params.get("account") not in accounts:
        params.pop("account", None)
    lines = [f"{name} = {value}" for name, value in above.items()]
    lines.append(f"archive_dir = {directory}/{archive(domain).rstrip('/')}")
    lines += [f"{kind} = {directory}/{current(domain, kind)}" for kind in ("cert", "privkey", "chain", "fullchain")]
    lines += ["", "# Options used in the renewal process", "[renewalparams]"]
    lines += [f"{name} = {value}" for name, value in sorted({**params, "authenticator": "dns-route53"}.items())]
    return "\n".join(lines) + "\n"


def renewal_account(text: str | None) -> str | None:
    """Return the account that renewal settings name."""
    return _copied(text or "")["[renewalparams]"].get("account")


def _copied(text: str) -> dict[str, dict[str, str]]:
    """Return the settings to copy, by section."""
    found: dict[str, dict[str, str]] = {section: {} for section in _COPIED}
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line
        match = _LINE.fullmatch(line)
        if match is not None:
            name, value = match.group(1), match.group(2).strip().strip("\"'")
            allowed = _COPIED.get(section, {}).get(name)
            if allowed is not None and allowed.fullmatch(value):
                found[section][name] = value
    return found
