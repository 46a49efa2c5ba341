"""What a CA pin looks like, so that nothing else is ever put in a pin's place."""

from __future__ import annotations

import re

# Teleport pins the SHA-256 of a certificate authority's public key; after a rotation there are two, one a line.
_PIN = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def listed(text: str) -> tuple[str, ...]:
    """Return the CA pins in `text`, one a line; none where there is anything else in it.

    Blanks around a pin and blank lines are no harm: consoles and editors add them. Teleport would take them for pins.
    """
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    return lines if all(_PIN.fullmatch(line) for line in lines) else ()
