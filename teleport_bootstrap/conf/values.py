"""The types of the conf's values: text in, a checked value out.

Every function here takes the text of one value and returns what it means, or raises `Unfit` saying what is wrong with
it and what to write instead. None of them ever sees a secret except `secret`, which does not quote it.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from teleport_bootstrap import escaping, roles
from teleport_bootstrap.secret import Secret

_SHOWN = 80


class Unfit(ValueError):
    """A value that is not of its variable's type. `message` continues the variable's name: "is not a port: …"."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def quoted(value: str) -> str:
    """Return `value` for a message: in quotes, at most 80 characters of it, control characters escaped."""
    return f'"{escaping.one_line(value, _SHOWN)}"'


_TRUE = ("true", "yes", "1")
_FALSE = ("false", "no", "0")


def boolean(value: str) -> bool:
    """Return whether `value` says yes: true, yes, 1 or false, no, 0 in any case."""
    word = value.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Unfit(f"is not true or false: {quoted(value)}", "write true or false (yes, no, 1 and 0 also work)")


def flag(value: str) -> bool:
    """Return whether there is any text: what it says does not matter."""
    return bool(value)


def port(value: str) -> int:
    """Return a TCP port, 1 to 65535; digits only, because a sign or a space is more likely a slip than meant."""
    if re.fullmatch("[0-9]{1,9}", value) is None or not 1 <= int(value) <= 65535:
        raise Unfit(f"is not a port: {quoted(value)}", "write a whole number from 1 to 65535")
    return int(value)


def choice(*words: str) -> Callable[[str], str]:
    """Return a function that takes exactly one of `words`, as written."""

    def one_of(value: str) -> str:
        if value in words:
            return value
        near = [word for word in words if word.lower() == value.strip().lower()]
        near = near or difflib.get_close_matches(value.lower(), words, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise Unfit(f"cannot be {quoted(value)}", f"{hint}write one of: {' '.join(words)}")

    return one_of


def role(value: str) -> str:
    """Return the role word: `auth,node,proxy`, auth, proxy, node or agent."""
    if value == "monitor":
        raise Unfit(
            'cannot be "monitor": that role was removed upstream',
            "write auth, proxy, node or agent, or leave TELEPORT_ROLE out for all-in-one; monitor Teleport through "
            "its metrics endpoint instead",
        )
    if sorted(part.strip() for part in value.split(",")) == ["auth", "node", "proxy"] and value != "auth,node,proxy":
        raise Unfit(f"cannot be {quoted(value)}", "write auth,node,proxy in this order and without spaces")
    if value.lower() in ("all", "all-in-one"):
        raise Unfit(f"cannot be {quoted(value)}", "leave TELEPORT_ROLE out, or empty, for all-in-one")
    return choice(*roles.BY_CONF_VALUE)(value)


def text(value: str) -> str:
    """Return one line of text: anything but control characters and characters that end a line."""
    if "\n" in value:
        raise Unfit(f"holds more than one line: {quoted(value)}", "look for a missing closing quote")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise Unfit(f"holds a control character: {quoted(value)}", "remove it")
    return value


def word(value: str) -> str:
    """Return text without any blanks."""
    if any(character.isspace() for character in text(value)):
        raise Unfit(f"holds a blank: {quoted(value)}", "write it without blanks")
    return value


def matching(pattern: str, what: str, hint: str) -> Callable[[str], str]:
    """Return a function that takes text which `pattern` describes completely; otherwise it "is not `what`"."""
    compiled = re.compile(pattern, re.ASCII)

    def match(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise Unfit(f"is not {what}: {quoted(value)}", hint)
        return value

    return match


def secret(value: str) -> Secret:
    """Return a token or password; one word, never quoted in an error."""
    if any(character.isspace() or not character.isprintable() for character in value):
        raise Unfit(
            "holds a blank, a line break or a control character, which a token cannot have (value not quoted)",
            "look for a stray blank or a missing closing quote",
        )
    return Secret(value)


def is_address(value: str) -> bool:
    """Whether `value` is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def dns_name(value: str) -> str:
    """Return a DNS name without scheme, port, path or trailing dot.

    Labels are 1 to 63 letters, digits and hyphens (RFC 1123), 253 characters in all, and the last label is not a
    number: resolvers would take such a name for an address.
    """
    _refuse_what_surrounds_a_name(value)
    if is_address(value):
        raise Unfit(f"is an IP address, not a DNS name: {quoted(value)}", "write the name that points to it")
    return _labels(value)


def _refuse_what_surrounds_a_name(value: str) -> None:
    if "://" in value:
        raise Unfit(f"is a URL, not a DNS name: {quoted(value)}", "write the name alone, without https:// and path")
    if "/" in value:
        raise Unfit(f"is not a DNS name: {quoted(value)}", "write the name alone, without a path")
    if "@" in value:
        raise Unfit(f"is not a DNS name: {quoted(value)}", "write the name alone, without a user")
    if re.fullmatch("[^:]+:[0-9]*", value):
        raise Unfit(f"is a name with a port, not a DNS name: {quoted(value)}", "write the name alone, without the port")


def _labels(value: str) -> str:
    reason = ""
    if value.endswith("."):
        reason = "leave out the dot at the end"
    elif len(value) > 253:
        reason = "a DNS name has at most 253 characters"
    elif "_" in value:
        reason = "a host name has no underscore"
    elif value.startswith("*."):
        reason = "write the name without the wildcard"
    elif any(character.isspace() for character in value):
        reason = "a DNS name has no blank"
    elif ".." in value or value.startswith("."):
        reason = "nothing stands between two dots, or before the first"
    elif not all(re.fullmatch("[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", part) for part in value.split(".")):
        reason = "each part is letters, digits and hyphens, and begins and ends with a letter or digit"
    elif any(len(part) > 63 for part in value.split(".")):
        reason = "each part between dots has at most 63 characters"
    elif value.rpartition(".")[2].isdigit():
        reason = "the last part cannot be a number"
    if reason:
        raise Unfit(f"is not a DNS name: {quoted(value)}", reason)
    return value


def dns_name_or_address(value: str) -> str:
    """Return a DNS name, or an IPv4 or IPv6 address written the canonical way."""
    if value.startswith("[") and value.endswith("]") and is_address(value[1:-1]):
        raise Unfit(f"is an address in brackets: {quoted(value)}", "write it without the brackets")
    if not is_address(value):
        if re.fullmatch("[0-9.]+", value):
            raise Unfit(f"is not an IP address: {quoted(value)}", "write four numbers from 0 to 255, like 192.0.2.10")
        return dns_name(value)
    canonical = str(ipaddress.ip_address(value))
    if canonical != value:
        raise Unfit(f"is an address written in an unusual way: {quoted(value)}", f"write {canonical}")
    return value


@dataclass(frozen=True)
class HostPort:
    """A DNS name, and the port if one was written."""

    host: str
    port: int | None


def host_port(value: str) -> HostPort:
    """Return a DNS name with an optional port after a colon."""
    host, colon, number = value.rpartition(":")
    if not colon or "://" in value or "/" in value:
        return HostPort(dns_name(value), None)
    return HostPort(dns_name(host), port(number))


def email(value: str) -> str:
    """Return an e-mail address; only its shape is checked, since only sending proves more."""
    local, at, domain = value.rpartition("@")
    if not at or re.fullmatch("[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}", local) is None:
        raise Unfit(f"is not an e-mail address: {quoted(value)}", "write it like admin@example.com")
    try:
        dns_name(domain)
    except Unfit as unfit:
        raise Unfit(f"is not an e-mail address: {quoted(value)}", unfit.hint) from None
    return value


def chosen_words(allowed: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Return a function that takes a comma-separated list of some of `allowed`, in any order, each once."""

    def chosen(value: str) -> tuple[str, ...]:
        if not value.strip(" "):
            return ()
        parts = list_parts(value)
        for part in parts:
            if part not in allowed:
                raise Unfit(f"cannot hold {quoted(part)}", f"write some of: {','.join(allowed)}")
        return parts

    return chosen


def list_parts(value: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated list, each once and none empty, blanks around them taken away."""
    parts = tuple(part.strip(" ") for part in value.split(","))
    for index, part in enumerate(parts):
        if not part:
            raise Unfit(f"has an empty place in its list: {quoted(value)}", "remove the extra comma")
        if part in parts[:index]:
            raise Unfit(f"holds {quoted(part)} twice", "write it once")
    return parts


_LABEL_KEY = re.compile("[a-zA-Z/.0-9_:*-]+")  # what Teleport itself accepts


def labels(value: str) -> tuple[tuple[str, str], ...]:
    """Return label pairs from `key: value|key: value`, in order, keys and values exactly as strings.

    A pair splits at its first `: `, else at its first `:`; a value wholly in matching quotes loses them.
    """
    pairs: list[tuple[str, str]] = []
    for written in text(value).split("|"):
        pair = written.strip(" ")
        if not pair:
            raise Unfit(f"has an empty label: {quoted(value)}", "remove the extra |")
        key, separator, content = pair.partition(": ")
        if not separator:
            key, separator, content = pair.partition(":")
        if not separator:
            raise Unfit(f"has a label without a value: {quoted(pair)}", "write labels as key: value|key: value")
        if _LABEL_KEY.fullmatch(key) is None:
            raise Unfit(
                f"has a label key that Teleport does not accept: {quoted(key)}", "use letters, digits and / . _ : * -"
            )
        if key in (earlier for earlier, _ in pairs):
            raise Unfit(f"has the label {quoted(key)} twice", "write it once")
        pairs.append((key, _unquoted(content.strip(" "))))
    return tuple(pairs)


def _unquoted(content: str) -> str:
    if len(content) >= 2 and content[0] == content[-1] and content[0] in "'\"":
        return content[1:-1]
    return content


def application_uri(value: str) -> str:
    """Return the address of an application: it has a scheme, such as http, https or tcp."""
    if re.fullmatch("[A-Za-z][A-Za-z0-9+.-]*://.+", word(value)) is None:
        raise Unfit(f"is not a URI: {quoted(value)}", "write it with its scheme, like http://127.0.0.1:8080")
    return value
