"""A call that this host has to be allowed for its work, and is not."""

from __future__ import annotations

from teleport_bootstrap import errors
from teleport_bootstrap.finding import ERROR, Finding


def finding(denied: errors.AwsDenied, part: str) -> Finding:
    """Return the finding about `denied`, whose permission belongs to this `part` of `iam-policy`."""
    remedy = f"{denied.hint} `teleport-bootstrap iam-policy --part {part}` prints all that it needs."
    return Finding(ERROR, denied.code, "", denied.message, remedy)
