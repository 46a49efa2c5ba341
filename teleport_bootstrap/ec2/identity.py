"""Which AWS account this instance belongs to."""

from __future__ import annotations

import json
import re
from typing import Optional

from teleport_bootstrap import errors
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.host.retry import Deadline


def account(imds: Imds, *, deadline: Optional[Deadline] = None) -> Optional[str]:
    """Return the twelve digits of the account, from the instance identity document; None when there is none.

    Raises MetadataInvalid for a document that is something else, and what Imds.get raises.
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
            hint="Only the EC2 metadata service should answer there; check AWS_EC2_METADATA_SERVICE_ENDPOINT.",
        )
    return number
