"""The address of a MongoDB database, as the driver of MongoDB in Teleport reads it: a URL of its own kind.

The driver also refuses options whose value is not of their kind, and Teleport does not start then. Options that it does
not know it ignores. Values are not quoted: an option may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib import parse

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import go_url, provenance
from teleport_bootstrap.plan.checks.context import Context

SCHEMES = ("mongodb://", "mongodb+srv://")

_READ_PREFERENCES = ("primary", "primarypreferred", "secondary", "secondarypreferred", "nearest")
# Names of options do not depend on capitals; the values true and false do, but for directConnection.
_NUMBERS = frozenset(
    [
        *("connecttimeoutms", "heartbeatintervalms", "heartbeatfrequencyms", "localthresholdms", "maxidletimems"),
        *("maxpoolsize", "minpoolsize", "maxconnecting", "maxstaleness", "maxstalenessseconds"),
        *("serverselectiontimeoutms", "sockettimeoutms", "timeoutms", "wtimeoutms", "wtimeout", "srvmaxhosts"),
    ]
)
_BOOLEANS = frozenset(
    [
        *("journal", "loadbalanced", "retrywrites", "retryreads", "ssl", "tls", "sslinsecure", "tlsinsecure"),
        *("tlsdisableocspendpointcheck", "directconnection"),
    ]
)
_NUMBER = regex.compile(r"\+?[0-9]{1,18}|-0+", re.ASCII)
_REMEDY = "write mongodb://host:port, with several hosts separated by commas"
# A newer driver takes options without a slash before them; the source that was read is older.
_SLASH_THROUGH = 15


def check(context: Context, path: provenance.Path, text: str) -> Iterator[Finding]:
    """Find what Teleport refuses in the address `text`, which begins with one of SCHEMES."""
    scheme, _, rest = text.partition("://")
    user, at, after = rest.partition("@")
    rest = after if at else rest
    hosts = re.split("[/?]", rest)[0]
    if at and ("/" in user or user.count(":") > 1 or "@" in hosts):
        # Not quoted: it holds a password.
        message = (
            "the user or password in the MongoDB address has a character that ends it, and Teleport would not start"
        )
        yield context.error(path, message, "write %40 for @, %2F for / and %3A for : in user, password and options")
        return
    names = hosts.split(",")
    if not all(names):
        yield context.error(path, "the MongoDB address names no host", _REMEDY)
        return
    if rest[len(hosts) :].startswith("?"):
        found = context.error if context.build.major <= _SLASH_THROUGH else context.warning
        yield found(path, "the options of a MongoDB address come after a slash", "write / before the ?")
    for name in names:
        yield from _host(context, path, name)
    options = _options(rest.partition("?")[2])
    yield from _values(context, path, options)
    direct = options.get("directconnection", "").lower() == "true" or options.get("connect", "").lower() == "direct"
    if direct and (len(names) > 1 or f"{scheme}://" == SCHEMES[1]):
        message = "a direct connection to MongoDB goes to one host, and Teleport would not start"
        yield context.error(path, message, "name one host with mongodb://, or remove directConnection and connect")


def _host(context: Context, path: provenance.Path, name: str) -> Iterator[Finding]:
    try:
        port = go_url.split_host_port(name)[1]
    except go_url.Malformed as error:
        if "it has no port" not in str(error):
            yield context.error(path, f"{name} is not an address of MongoDB ({error})", _REMEDY)
        return
    if port and not (_NUMBER.fullmatch(port) and 0 < int(port) < 65536):
        message = f"{name} has no port from 1 to 65535, and Teleport would not start"
        yield context.error(path, message, _REMEDY)


def _options(query: str) -> dict[str, str]:
    """Return the options in `query` by their names in lower case; of one that stands twice, the last."""
    return {name.lower(): value for name, value in parse.parse_qsl(query, keep_blank_values=True)}


def _values(context: Context, path: provenance.Path, options: dict[str, str]) -> Iterator[Finding]:
    preference = options.get("readpreference", "")
    if preference and preference.lower() not in _READ_PREFERENCES:
        message = f"{preference} is not a read preference of MongoDB, and Teleport would not start"
        yield context.error(path, message, "use primary, primaryPreferred, secondary, secondaryPreferred or nearest")
    for name, value in options.items():
        if name in _NUMBERS and _NUMBER.fullmatch(value) is None:
            message = f"the value of MongoDB's option {name} is not a whole number, and Teleport would not start"
            yield context.error(path, message, "write a number without unit, 0 or more")
        word = value.lower() if name == "directconnection" else value
        if name in _BOOLEANS and word not in ("true", "false"):
            message = f"the value of MongoDB's option {name} is not true or false, and Teleport would not start"
            yield context.error(path, message, "write true or false, in lower case")
    if options.get("connect", "direct").lower() not in ("direct", "automatic"):
        message = "the value of MongoDB's option connect is neither direct nor automatic, and Teleport would not start"
        yield context.error(path, message, "write direct or automatic")
