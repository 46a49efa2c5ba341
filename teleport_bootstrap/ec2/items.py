"""The items of instance metadata that any account on the instance may see: no credentials, no user-data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import endpoint, item_formats

if TYPE_CHECKING:  # the names of the items are part of --help, which should not wait for an HTTP library
    from teleport_bootstrap.ec2.imds import Imds
    from teleport_bootstrap.host.retry import Deadline

# The name on the command line, and the path below /latest/meta-data/.
PATHS = {
    "local-ipv4": "local-ipv4",
    "public-ipv4": "public-ipv4",
    "local-hostname": "local-hostname",
    "public-hostname": "public-hostname",
    "instance-id": "instance-id",
    "instance-type": "instance-type",
    "ami-id": "ami-id",
    "region": "placement/region",
    "availability-zone": "placement/availability-zone",
}

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", re.ASCII)


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
            hint="Set EC2_REGION in the conf." if item == item_formats.REGION else "Is this an EC2 instance in a VPC?",
        )
    return _checked(item, text)


def _checked(item: str, text: str) -> str:
    try:
        return item_formats.CHECKS.get(item, _word)(text)
    except ValueError as error:
        raise errors.MetadataInvalid(
            f"the instance metadata service gave an invalid {PATHS[item]}: {item_formats.excerpt(text)} is {error}",
            hint=endpoint.NOT_EC2,
        ) from None


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError("not one word")
    return text
