"""Ask for confirmation at the terminal."""

from __future__ import annotations

import sys

from teleport_bootstrap import errors


def require_terminal(command: str, form: str) -> None:
    """Raise ConfirmationNeeded if there is no terminal, or if the prompt would mix with the JSON output."""
    if form == "json" or not sys.stdin.isatty():
        raise errors.ConfirmationNeeded(
            f"{command} would change this machine, and there is no terminal to ask for confirmation",
            hint="Add --yes to confirm in advance, or --dry-run to see what it would do. Nothing was changed.",
        )


def yes(question: str) -> bool:
    """Return whether the answer at the terminal is yes; any other answer is no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
