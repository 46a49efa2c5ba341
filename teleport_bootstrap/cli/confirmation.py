"""Options and questions of the commands that change this machine and roll back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from teleport_bootstrap import errors
from teleport_bootstrap.change import health
from teleport_bootstrap.cli import options
from teleport_bootstrap.host import output

# Of commands that change this machine, and roll back if Teleport is not healthy then.
OPTIONS = (
    options.YES,
    options.flag("--discard-edits", "overwrite manual edits of teleport.yaml"),
    options.duration("--health-wait", health.DEADLINE_SECONDS, "how long Teleport may take to become healthy"),
)


def can_ask(arguments: argparse.Namespace) -> bool:
    """Whether there is a terminal to ask at, and the prompt would not mix with the JSON output."""
    return arguments.format != "json" and sys.stdin.isatty()


def agreed(arguments: argparse.Namespace, *questions: str | Sequence[str]) -> bool:
    """Return whether to go on: not with --dry-run, at once with --yes, otherwise if each answer at the terminal is yes.

    A question may come after lines of text, which say what it is about. With --yes, they are printed at once: nothing
    is done that was not shown first.

    Raises ConfirmationNeeded if there is no terminal, or if the prompt would mix with the JSON output.
    """
    if getattr(arguments, "dry_run", False):
        return False
    if arguments.yes:
        for question in questions:
            if arguments.format != "json" and not isinstance(question, str):
                output.proposal(question[:-1])
        return True
    if not can_ask(arguments):
        raise errors.ConfirmationNeeded(
            f"{arguments.command} would change this machine, and there is no terminal to ask for confirmation",
            hint="Add --yes to confirm in advance, or --dry-run to see what it would do. Nothing was changed.",
        )
    return all(map(_is_yes, questions))


def _is_yes(question: str | Sequence[str]) -> bool:
    output.question(question)
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except (OSError, ValueError):  # the terminal is gone
        return False
