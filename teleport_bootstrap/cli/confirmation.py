"""Asking the person at the terminal."""

from __future__ import annotations

import sys

from teleport_bootstrap import errors


def require_terminal(command: str, form: str) -> None:
    """Raise ConfirmationNeeded where nobody can be asked, or the answer would stand amid JSON."""
    if form == "json" or not sys.stdin.isatty():
        raise errors.ConfirmationNeeded(
            f"{command} would change this machine, and there is no terminal to ask on",
            hint="Add --yes to agree beforehand, or --dry-run to see what it would do. Nothing was changed.",
        )


def yes(question: str) -> bool:
    """Ask on the terminal; whatever is not clearly yes is no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
