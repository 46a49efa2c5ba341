"""Options and questions of the commands that change this machine and roll back."""

from __future__ import annotations

import argparse
import sys

from teleport_bootstrap import errors
from teleport_bootstrap.change import health
from teleport_bootstrap.cli import options


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that change this machine, and roll back if Teleport is not healthy then."""
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("--discard-edits", action="store_true", help="overwrite manual edits of teleport.yaml")
    parser.add_argument(
        "--health-wait",
        metavar="SECONDS",
        type=options.seconds,
        default=health.DEADLINE_SECONDS,
        help=f"how long Teleport may take to become healthy; default: {health.DEADLINE_SECONDS:.0f}",
    )


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
