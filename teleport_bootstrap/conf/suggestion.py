"""Names that look like ours but are not, and what was probably meant."""

from __future__ import annotations

import difflib
from typing import Optional

from teleport_bootstrap.conf import variables

_OUR_PREFIXES = ("TELEPORT_", "USE_", "EC2_")


def looks_like_ours(name: str) -> bool:
    """Whether a name that is not in the table was probably meant to be."""
    return name.upper().startswith(_OUR_PREFIXES) or name.upper() in variables.BY_NAME


def nearest(name: str) -> Optional[str]:
    """Return the variable that was probably meant by `name`, or None when nothing is near."""
    found = difflib.get_close_matches(name.upper(), list(variables.BY_NAME), n=1, cutoff=0.8)
    return found[0] if found else None
