"""The items of instance metadata that any account on the instance may see: no credentials, no user-data."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable

from teleport_bootstrap import errors, escaping, regex
from teleport_bootstrap.ec2 import endpoint
from teleport_bootstrap.hints import TYPE_CHECKING

if TYPE_CHECKING:  # the names of the items are part of --help, which should not wait for an HTTP library
    from teleport_bootstrap.ec2.imds import Imds
    from teleport_bootstrap.host.retry import Deadline

# The name on the command line, and the path below /latest/meta-data/.
PATHS = {
    "local-ipv4": "local-ipv4",
    "public-ipv4": "public-ipv4",
    "ipv6": "ipv6",
    "local-hostname": "local-hostname",
    "public-hostname": "public-hostname",
    "instance-id": "instance-id",
    "instance-type": "instance-type",
    "ami-id": "ami-id",
    "region": "placement/region",
    "availability-zone": "placement/availability-zone",
}

LOCAL_IPV4 = "local-ipv4"
PUBLIC_IPV4 = "public-ipv4"
IPV6 = "ipv6"
LOCAL_HOSTNAME = "local-hostname"
INSTANCE_ID = "instance-id"
REGION = "region"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LONGEST_HOSTNAME = 253
_HOSTNAME = regex.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


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


def ipv6(text: str) -> str:
    """Return the address unchanged. Raises ValueError for anything but the plain address of one host in a network."""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError("not an IPv6 address") from None
    if "%" in text or address.is_unspecified or address.is_multicast or address.is_loopback or address.is_link_local:
        raise ValueError("not the IPv6 address of a host in a network")
    return text


def hostname(text: str) -> str:
    """Return the first name, without the final dot. Raises ValueError.

    With several domains in the DHCP options set, the metadata service returns several names, separated by spaces.
    """
    names = text.split(" ")
    if not all(_HOSTNAME.fullmatch(name) and len(name) <= _LONGEST_HOSTNAME for name in names):
        raise ValueError("not a host name")
    return names[0].rstrip(".")


def usable_hostname(text: str) -> str | None:
    """Return what can be used of a private DNS name, None where nothing can.

    The domain in a DHCP options set is free text: it may hold underscores, several domains with any separator, or be
    too long for DNS. The first proper name counts; otherwise the first one, with `-` for what a name cannot have, and
    without the labels at its end that are too many.
    """
    names = re.split(r"[ ,;]+", text.strip(" ,;"))
    if not all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names):
        return None  # an error page, not a name
    for name in names:
        with contextlib.suppress(ValueError):
            return hostname(name)
    labels = [label.replace("_", "-")[:63].strip("-") for label in names[0].split(".")]
    found = ""
    for label in filter(None, labels):
        if len(found) + 1 + len(label) > _LONGEST_HOSTNAME:
            break
        found = f"{found}.{label}" if found else label
    return found or None


def _matching(pattern: str, otherwise: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(otherwise)
        return text

    return check


# Each returns the value, or raises ValueError, so that an error page is never taken for an address.
CHECKS = {
    LOCAL_IPV4: ipv4,
    PUBLIC_IPV4: ipv4,
    IPV6: ipv6,
    LOCAL_HOSTNAME: hostname,
    INSTANCE_ID: _matching(r"i-[0-9A-Za-z-]{1,64}", "not an instance id like i-0123456789abcdef0"),
    REGION: _matching(r"[a-z]{2,8}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2}", "not a region like us-east-1"),
}
_WORD = _matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", "not one word")


def excerpt(text: str) -> str:
    """Return the beginning of `text`, quoted and without characters that a terminal would interpret."""
    return f'"{escaping.one_line(text, 40)}"'


def read(imds: Imds, item: str, *, deadline: Deadline | None = None) -> str | None:
    """Return the value of `item`, a key of PATHS; None where this instance has none.

    Raises MetadataInvalid where the answer cannot be such a value, and what Imds.get raises.
    """
    text = imds.get(PATHS[item], deadline=deadline)
    # Some services that imitate EC2 answer with an empty text instead of 404.
    return _checked(item, text) if text else None


def read_required(imds: Imds, item: str, *, deadline: Deadline | None = None) -> str:
    """Return the value of `item` as `read` does; raises MetadataAbsent where this instance has none."""
    text = imds.get(PATHS[item], deadline=deadline)
    if text is None:
        raise errors.MetadataAbsent(
            f"the instance metadata service has no {PATHS[item]}",
            hint="Set EC2_REGION in the conf." if item == REGION else "Is this an EC2 instance in a VPC?",
        )
    return _checked(item, text)


def _checked(item: str, text: str) -> str:
    usable = usable_hostname(text) if item == LOCAL_HOSTNAME else None
    if usable is not None:
        return usable
    try:
        return CHECKS.get(item, _WORD)(text)
    except ValueError as error:
        raise endpoint.invalid(f"gave an invalid {PATHS[item]}: {excerpt(text)} is {error}") from None
