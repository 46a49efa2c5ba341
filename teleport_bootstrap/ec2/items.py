"""The items of instance metadata that anybody on the instance may see: no credentials, no user-data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import item_formats

if TYPE_CHECKING:  # the names of the items are part of the help, which should not wait for an HTTP library
    from teleport_bootstrap.ec2.imds import Imds

# The name the command takes, and where the item is below /latest/meta-data/.
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


def read(imds: Imds, item: str) -> Optional[str]:
    """Return the value of `item`, a key of PATHS; None where this instance has none.

    Raises MetadataInvalid where the answer cannot be such a value, and what Imds.get raises.
    """
    text = imds.get(PATHS[item])
    if not text:
        return None
    try:
        return item_formats.CHECKS[item](text) if item in item_formats.CHECKS else _word(text)
    except ValueError as error:
        raise errors.MetadataInvalid(
            f"the instance metadata service gave something else for {item}: {item_formats.excerpt(text)} is {error}",
            hint="Only the EC2 metadata service should answer there; check AWS_EC2_METADATA_SERVICE_ENDPOINT.",
        ) from None


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError("not one word")
    return text
