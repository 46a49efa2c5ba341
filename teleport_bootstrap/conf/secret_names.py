"""Names that tell that a value is a secret."""

from __future__ import annotations

import re

_SECRET_WORDS = re.compile(
    "TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIAL|KEY|WEBHOOK|TOTP_|(?:PASS|PWD)(?![A-Z0-9])|(?<![A-Z0-9])PAT(?![A-Z0-9])",
    re.IGNORECASE,
)


def looks_secret(text: str) -> bool:
    """Whether `text`, a name or a line that may hold one, speaks of a token, secret, password or key."""
    return _SECRET_WORDS.search(text) is not None
