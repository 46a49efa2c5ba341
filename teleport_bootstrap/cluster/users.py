"""The users of a cluster: which of them are people, and the invitation of a new one."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote, urlsplit, urlunsplit

from teleport_bootstrap import errors, json_data, port_table, regex
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock
from teleport_bootstrap.plan import network_address, provenance, services
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret, remember

# `editor` changes the cluster, `access` reaches its hosts, `auditor` reads its audit log and recordings; none of them
# includes another. Every Teleport that this agent works with, from 12 on, makes all three in a new cluster, in both
# editions. A user with `editor` could add the others.
ADMINISTRATOR_ROLES = ("editor", "access", "auditor")

# Teleport takes nearly any name; these do not surprise a shell, a path of its API or `tctl`. `@` at the beginning marks
# users of Teleport itself.
_NAME = regex.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]{0,127}")
_LOGIN = regex.compile(r"[A-Za-z0-9_][A-Za-z0-9@._-]{0,63}")

_KIND_LABEL, _OF_TELEPORT = "teleport.internal/resource-type", "system"
_BOT_LABEL = "teleport.internal/bot"

# The link in what releases print that know no JSON here.
_LINK = regex.compile(r"https://[^\s\"]{1,300}/web/(?:newuser|invite)/[^\s\"]{1,200}")


@dataclass(frozen=True)
class Invitation:
    """A link with which its first user sets the password of a new account, and when it ends, in ISO 8601; or None."""

    link: Secret
    expires: str | None


@dataclass(frozen=True)
class Reachable:
    """The same link at an address that people can reach, and a note on that address; empty where there is none."""

    link: Secret
    note: str = ""


def name(text: str, what: str = "the name of the user") -> str:
    """Return `text` if it can be the name of a user or a role. Raises UsageError."""
    if _NAME.fullmatch(text) is None:
        raise errors.UsageError(
            f"{what} cannot be {kinds.quoted(text)}",
            hint="Begin with a letter or a digit, then use letters, digits and @ . _ + -, 128 characters at most.",
        )
    return text


def roles(text: str) -> tuple[str, ...]:
    """Return the roles in `text`, which commas separate. Raises UsageError."""
    return tuple(dict.fromkeys(name(each.strip(), "a role") for each in text.split(",")))


def logins(text: str) -> tuple[str, ...]:
    """Return the accounts of hosts in `text`, which commas separate. Raises UsageError."""
    found = tuple(dict.fromkeys(each.strip() for each in text.split(",")))
    for each in found:
        if _LOGIN.fullmatch(each) is None:
            raise errors.UsageError(
                f"a login cannot be {kinds.quoted(each)}",
                hint="Name accounts of the hosts, with commas between them, such as --logins ec2-user,admin.",
            )
    return found


def people(users: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the names of those `users`, as `tctl get users` lists them, that are neither Teleport's own nor bots."""
    return tuple(
        each
        for each, labels in ((_metadata(user).get("name"), _metadata(user).get("labels") or {}) for user in users)
        if isinstance(each, str)
        and not each.startswith("@")
        and isinstance(labels, dict)
        and labels.get(_KIND_LABEL) != _OF_TELEPORT
        and _BOT_LABEL not in labels
    )


def invitation(output: str) -> Invitation | None:
    """Return the invitation that `tctl users add --format=json` has printed; None where there is none in it."""
    link, expires = None, None
    with contextlib.suppress(ValueError):
        found = json_data.parsed(output)
        spec = found.get("spec") if isinstance(found, dict) else None
        if isinstance(spec, dict):
            link, expires = spec.get("url"), _metadata(found).get("expires")
    if not isinstance(link, str):
        in_text = _LINK.search(output)
        link = in_text[0] if in_text is not None else None
    if link is None or _LINK.fullmatch(link) is None:
        return None
    # In whatever form it is repeated.
    remember(link.rpartition("/")[2])
    return Invitation(Secret(link), _moment(expires))


def reachable(link: Secret, document: Mapping[str, Any]) -> Reachable:
    """Return `link` where people can open it, as far as `document`, the teleport.yaml of this auth server, says it.

    Teleport takes what a proxy has registered, or the name of its machine with port 3080, or `<proxyhost>:3080` where
    no proxy has registered yet.
    """
    parts = urlsplit(link.reveal())
    said = unquote(parts.netloc)
    is_unknown = "<" in said
    public, domain = _public_addresses(document), _domain(document)
    if not public and not domain:
        if not is_unknown:
            return Reachable(link)
        return Reachable(link, f"no proxy has joined the cluster yet: put the address of one in place of {said}")
    if not is_unknown and (_is_one_of(said, public) if public else _is_below(said, domain)):
        return Reachable(link)
    better = public[0].removesuffix(f":{port_table.HTTPS}") if public else domain
    changed = Secret(urlunsplit(parts._replace(netloc=better)))
    if is_unknown:
        return Reachable(changed, f"no proxy has joined the cluster yet: the link works once one answers at {better}")
    return Reachable(
        changed, f"Teleport named {said} in the link; this host's configuration says that people use {better}"
    )


def _public_addresses(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return host:port of each public address of a proxy that runs beside this auth server; none without one."""
    mapping = dict(document)
    if not services.runs(mapping, "proxy_service"):
        return ()
    value = provenance.value_at(mapping, ("proxy_service", "public_addr"))
    web = network_address.parse(provenance.value_at(mapping, ("proxy_service", "web_listen_addr")))
    port = (web.port if web is not None else None) or port_table.WEB
    found = map(network_address.parse, value if isinstance(value, list) else [value])
    return tuple(network_address.joined(each.host, each.port or port) for each in found if each and each.host)


def _domain(document: Mapping[str, Any]) -> str:
    """Return the domain of security keys, under which all web pages of a cluster must be; empty where it is not set."""
    found = provenance.value_at(dict(document), ("auth_service", "authentication", "webauthn", "rp_id"))
    return found if isinstance(found, str) else ""


def _is_one_of(said: str, public: Sequence[str]) -> bool:
    """Whether host and port are those of one of the public addresses."""
    one = network_address.parse(said)
    if one is None:
        return False
    named = network_address.joined(one.host, one.port or port_table.HTTPS).lower()
    return named in [each.lower() for each in public]


def _is_below(said: str, domain: str) -> bool:
    """Whether a host, at whatever port, is the domain or lies under it."""
    one = network_address.parse(said)
    return one is not None and f".{one.host}".lower().endswith(f".{domain}".lower())


def takes_local_users(document: Mapping[str, Any]) -> bool:
    """Whether users with a password of Teleport's own can sign in."""
    return (
        services.truth(provenance.value_at(dict(document), ("auth_service", "authentication", "local_auth")))
        is not False
    )


def _metadata(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    found = resource.get("metadata")
    return found if isinstance(found, dict) else {}


def _moment(expires: Any) -> str | None:
    """Return the time that Teleport prints, in seconds and UTC."""
    with contextlib.suppress(ValueError, OverflowError):
        found = datetime.datetime.strptime(f"{str(expires)[:19]}+0000", "%Y-%m-%dT%H:%M:%S%z")
        return clock.iso(found.timestamp())
    return None
