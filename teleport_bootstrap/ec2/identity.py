"""The AWS account that this instance belongs to."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import endpoint
from teleport_bootstrap.host.retry import Deadline

if TYPE_CHECKING:
    from teleport_bootstrap.ec2.imds import Imds


def account(imds: Imds, *, deadline: Deadline | None = None) -> str | None:
    """Return the twelve digits of the account, from the instance identity document; None without such a document.

    Raises MetadataInvalid for an invalid document, and what Imds.get raises.
    """
    text = imds.get_absolute("dynamic/instance-identity/document", deadline=deadline)
    if text is None:
        return None
    try:
        number = json.loads(text)["accountId"]
    except (ValueError, KeyError, TypeError):
        number = ""
    if not isinstance(number, str) or not re.fullmatch(r"[0-9]{12}", number):
        raise errors.MetadataInvalid(
            "the instance metadata service gave an identity document without an account id",
            hint=endpoint.NOT_EC2,
        )
    return number
