"""Commands for remedies, ready to paste: with the real names, and the region where AWS is called."""

from __future__ import annotations

import shlex


def aws(region: str, *words: str) -> str:
    """Return a command of AWS's command line, such as `aws(region, "dynamodb", "update-table", "--table-name", …)`."""
    return shlex.join(["aws", *words, "--region", region])


def quoted(*commands: str) -> str:
    """Return the commands, of which each runs only if the one before it succeeded, as a remedy shows them."""
    return f"`{' && '.join(commands)}`"
