"""The format of each fact about the instance, checked so that an error page is never taken for an address."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from teleport_bootstrap import escaping

LOCAL_IPV4 = "local-ipv4"
PUBLIC_IPV4 = "public-ipv4"
LOCAL_HOSTNAME = "local-hostname"
INSTANCE_ID = "instance-id"
REGION = "region"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_INSTANCE_ID = re.compile(r"i-[0-9A-Za-z-]{1,64}")
_REGION = re.compile(r"[a-z]{2,8}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2}")
_SHOWN_CHARACTERS = 40


def ipv4(text: str) -> str:
    """Return the address unchanged. Raises ValueError for anything but the plain address of one host."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError("not an IPv4 address") from None
    # Python before 3.9.5 reads 010.0.0.1 as 10.0.0.1, where C libraries read 8.0.0.1.
    if str(address) != text or address.is_unspecified or address.is_multicast:
        raise ValueError("not the IPv4 address of a host")
    return text


def hostname(text: str) -> str:
    """Return the first name, without the final dot. Raises ValueError.

    With several domains in the DHCP options set, the metadata service returns several names, separated by spaces.
    """
    names = text.split(" ")
    if not all(_HOSTNAME.fullmatch(name) and len(name) <= 253 for name in names):
        raise ValueError("not a host name")
    return names[0].rstrip(".")


def instance_id(text: str) -> str:
    """Return the id. Raises ValueError."""
    if not _INSTANCE_ID.fullmatch(text):
        raise ValueError("not an instance id like i-0123456789abcdef0")
    return text


def region(text: str) -> str:
    """Return the region's name. Raises ValueError."""
    if not _REGION.fullmatch(text):
        raise ValueError("not a region like us-east-1")
    return text


CHECKS: dict[str, Callable[[str], str]] = {
    LOCAL_IPV4: ipv4,
    PUBLIC_IPV4: ipv4,
    LOCAL_HOSTNAME: hostname,
    INSTANCE_ID: instance_id,
    REGION: region,
}


def excerpt(text: str) -> str:
    """Return the beginning of `text`, quoted and without characters that a terminal would interpret."""
    return f'"{escaping.one_line(text, _SHOWN_CHARACTERS)}"'
