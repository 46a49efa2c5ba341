"""The form of a CA pin, so that only pins are accepted as such."""

from __future__ import annotations

import re

# Teleport pins the SHA-256 of a certificate authority's public key; after a rotation there are two, one on each line.
_PIN = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def listed(text: str) -> tuple[str, ...]:
    """Return the CA pins in `text`, one on each line; none if it holds anything else.

    Blanks and blank lines are removed: consoles and editors add them, and Teleport would read them as pins.
    """
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    return lines if all(_PIN.fullmatch(line) for line in lines) else ()
