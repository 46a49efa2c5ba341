"""The applications of app_service, as Teleport judges each of them before it starts any service."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import go_url, provenance
from teleport_bootstrap.plan.checks.context import NOT_A_MAPPING, Context, texts

# A DNS label (RFC 1035): the name becomes part of the application's address.
_NAME = regex.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_HEADER = regex.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
# Those that Teleport sets itself; the case does not matter.
_RESERVED = frozenset(
    [
        *("teleport-jwt-assertion", "cf-access-token", "x-forwarded-ssl", "x-forwarded-proto", "x-forwarded-for"),
        *("x-forwarded-host", "x-forwarded-port", "x-forwarded-server", "x-real-ip"),
    ]
)
# What an application of newer Teleports may have in place of an address.
_INSTEAD_OF_AN_ADDRESS = ("cloud", "mcp", "llm")
_EXAMPLE = "write for example http://127.0.0.1:8080"


def check(context: Context, place: provenance.Path, application: dict[str, Any]) -> Iterator[Finding]:
    """Find what Teleport refuses in the application at `place`."""
    name = application.get("name")
    if name is None:
        yield context.missing((*place, "name"), "write the name of the application")
    elif _NAME.fullmatch(str(name)) is None:
        message = f"{name!s} is not a valid application name, which becomes part of its address"
        remedy = "use at most 63 lower-case letters, digits and hyphens; start with a letter"
        yield context.error((*place, "name"), message, remedy)
    yield from _address(context, place, application)
    yield from _public_address(context, (*place, "public_addr"))
    yield from _headers(context, (*place, "rewrite"))


def _address(context: Context, place: provenance.Path, application: dict[str, Any]) -> Iterator[Finding]:
    path = (*place, "uri")
    uri = application.get("uri")
    if uri is None or uri == "":
        if not any(application.get(key) for key in _INSTEAD_OF_AN_ADDRESS):
            yield context.missing(path, _EXAMPLE)
        return
    text = str(uri)
    try:
        url = go_url.parse(text)
    except go_url.Malformed as error:
        message = f"{go_url.without_user(text)} is not a URI that Teleport can read ({error}), and it would not start"
        yield context.error(path, message, _EXAMPLE)
        return
    if not url.host and url.scheme not in ("cloud", "mcp+stdio", "llm+endpoint"):
        message = (
            f"Teleport starts with {go_url.without_user(text)}, but the application will not answer, because it names "
            "no host"
        )
        yield context.warning(path, message, "write it with its scheme, http://, https:// or tcp://")


def _public_address(context: Context, path: provenance.Path) -> Iterator[Finding]:
    public = context.get(*path)
    if public is None:
        return
    text = str(public)
    if kinds.is_address(text):
        yield context.error(path, f"{text} is not a DNS name without a port", "write the name alone, no IP address")
        return
    try:
        go_url.parse(text)
        go_url.split_host_port(text)
    except go_url.Malformed as error:
        if "it has no port" not in str(error):
            message = f"{go_url.without_user(text)} is not a DNS name without a port ({error})"
            yield context.error(path, message, "write the name alone, without scheme and port")
        return
    message = f"{go_url.without_user(text)} is not a DNS name without a port: applications share the port of the proxy"
    yield context.error(path, message, "write the name alone, without scheme and port")


def _headers(context: Context, place: provenance.Path) -> Iterator[Finding]:
    if context.has(*place) and not isinstance(context.get(*place), dict):
        yield context.error(place, *NOT_A_MAPPING)
        return
    for header in texts(context.get(*place, "headers")):
        path = (*place, "headers")
        name, colon, value = header.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or _HEADER.fullmatch(name) is None:
            # Not quoted: a header may carry a secret.
            message = "a header has no valid name before a colon, and Teleport would not start"
            yield context.error(path, message, "write each as Name: value, in quotes")
        elif any((ord(each) < 32 and each != "\t") or ord(each) == 127 for each in value):
            yield context.error(path, f"the header {name} has a control character in its value", "remove it")
        elif name.lower() in _RESERVED:
            message = f"Teleport sets the header {name} itself, and does not start where it is rewritten"
            yield context.error(path, message, "remove it")
