"""What Go's standard library makes of addresses, which Teleport hands to it unchanged.

See `url.Parse` in net/url and `net.SplitHostPort` in Go's source. Both take much that no service would ever answer to.
"""

from __future__ import annotations

import re

from teleport_bootstrap import regex
from teleport_bootstrap.records import dataclass

_SCHEME = regex.compile("[A-Za-z][A-Za-z0-9+.-]*", re.ASCII)
_ESCAPE = regex.compile("%(?![0-9A-Fa-f]{2})")
_PORT = regex.compile("(?::[0-9]*)?", re.ASCII)
# ASCII characters that net/url refuses in a host, where it is not escaped.
_NOT_IN_A_HOST = regex.compile(r"[\x00- #/?@\\^`{|}\x7f]")
_USER = regex.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*", re.ASCII)


class Malformed(ValueError):
    """An address that Go does not parse; the text says why."""


@dataclass(frozen=True)
class Url:
    """The parts of a URL that decide something here; all empty where they are not written."""

    scheme: str
    host: str
    path: str
    query: str


def parse(text: str) -> Url:
    """Return the parts of `text`. Raises Malformed where `url.Parse` returns an error."""
    if any(ord(each) < 32 or ord(each) == 127 for each in text):
        raise Malformed("it has a control character")
    rest, _, fragment = text.partition("#")
    scheme, rest = _split_scheme(rest)
    rest, _, query = rest.partition("?")
    host = ""
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme.lower(), "", rest, query)  # such as mailto:someone: nothing more is looked at
        if ":" in rest.partition("/")[0]:
            raise Malformed("a colon comes before the first slash, and no scheme before the colon")
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        host, rest = _host(authority), slash + path
    for part in (rest, fragment):
        if _ESCAPE.search(part):
            raise Malformed("a % is not followed by two hexadecimal digits")
    return Url(scheme.lower(), host, rest, query)


def _split_scheme(text: str) -> tuple[str, str]:
    before, colon, after = text.partition(":")
    if colon and not before:
        raise Malformed("it begins with a colon")
    return (before, after) if colon and _SCHEME.fullmatch(before) else ("", text)


def _host(authority: str) -> str:
    user, at, host = authority.rpartition("@")
    if at and (_USER.fullmatch(user) is None or _ESCAPE.search(user)):
        raise Malformed("the part before @ has a character that must be escaped")
    if host.startswith("["):
        inside, bracket, port = host.rpartition("]")
        if not bracket:
            raise Malformed("a [ is not closed")
        name = inside[1:].partition("%25")[0]
    else:
        name, colon, number = host.rpartition(":")
        name, port = (name, f":{number}") if colon else (host, "")
    if _PORT.fullmatch(port) is None:
        raise Malformed(f"{port} is not a port")
    found = _NOT_IN_A_HOST.search(name)
    if found is not None:
        raise Malformed(f"the host has the character {found[0]!r}")
    if re.search("%(?![89A-Fa-f][0-9A-Fa-f])", name):
        raise Malformed("the host has a % that escapes no such character")
    return host


def without_user(text: str) -> str:
    """Return the address `text` without the user and password that it may hold, for messages."""
    return re.sub(r"(?s)(\A|//)[^/]*@", r"\1…@", text)


def split_host_port(text: str) -> tuple[str, str]:
    """Return host and port of `text`, either of which may be empty. Raises Malformed as `net.SplitHostPort` fails."""
    before, colon, port = text.rpartition(":")
    if not colon:
        raise Malformed("it has no port")
    if text.startswith("["):
        end = text.find("]")
        if end < 0:
            raise Malformed("a [ is not closed")
        if end + 1 == len(text):
            raise Malformed("it has no port")
        if end + 1 != len(before):
            raise Malformed("too many colons" if text[end + 1] == ":" else "it has no port")
        host, rest = text[1:end], text[1:]
        if "[" in rest or "]" in text[end + 1 :]:
            raise Malformed("it has a bracket too many")
        return host, port
    if ":" in before:
        raise Malformed("too many colons")
    if "[" in text or "]" in text:
        raise Malformed("it has a bracket too many")
    return before, port
