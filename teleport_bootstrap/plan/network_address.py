"""Network addresses as Teleport reads them from its configuration: host, host:port, [v6]:port, or a URL of these.

See ParseAddr and ParseHostPortAddr in Teleport's lib/utils. It reads a lone number as a host, never as a port.
"""

from __future__ import annotations

from teleport_bootstrap import regex
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.hints import Any

_FORM = regex.compile(
    r"(?:(?:tcp|https?)://)?(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[A-Za-z0-9._*-]*))(?::(?P<port>[0-9]{1,9}))?(?:/.*)?"
)
EVERY_IPV4 = "0.0.0.0"  # noqa: S104 - the load balancers and the security group decide who gets here
EVERY_ADDRESS = "::"
EVERYWHERE = frozenset(("", EVERY_IPV4, EVERY_ADDRESS))


def joined(host: str, port: int) -> str:
    """Return host:port, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(value: Any) -> kinds.HostPort | None:
    """Return the address in `value`, None where it is not a valid one. The range of the port is not checked.

    The host is empty for every address of this machine.
    """
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        return None
    match = _FORM.fullmatch(str(value)) if value != "" else None
    if match is None or (match["v6"] is not None and not kinds.is_address(match["v6"].partition("%")[0])):
        return None
    host = match["v6"] if match["v6"] is not None else match["host"]
    return kinds.HostPort(host, None if match["port"] is None else int(match["port"]))
