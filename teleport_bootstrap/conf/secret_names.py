"""Names that tell that a value is a secret."""

from __future__ import annotations

import re

_SECRET_WORDS = re.compile("TOKEN|SECRET|PASSWORD|KEY", re.IGNORECASE)


def looks_secret(text: str) -> bool:
    """Whether `text`, a name or a line that may hold one, speaks of a token, secret, password or key."""
    return _SECRET_WORDS.search(text) is not None
