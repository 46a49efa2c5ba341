"""What a CA pin looks like, so that nothing else is ever put in a pin's place."""

from __future__ import annotations

import re

# Teleport pins the SHA-256 of a certificate authority's public key; after a rotation there are two, one a line.
_PIN = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def are_pins(text: str) -> bool:
    """Whether `text` holds at least one CA pin, one a line, and nothing else."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bool(lines) and all(_PIN.fullmatch(line) for line in lines)
