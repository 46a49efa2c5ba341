"""`teleport-bootstrap adopt`: turn a hand edit of teleport.yaml into an override file."""

from __future__ import annotations

import argparse
import os

from teleport_bootstrap.apply import adopt, gather
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.plan import masking

EXAMPLE = "teleport-bootstrap adopt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    options.add_wait(parser)


def run(arguments: argparse.Namespace) -> result.Result:
    """Adopt, and show the file."""
    where = options.where(arguments)
    outcome = adopt.run(gather.Doors(where, os.environ, arguments.wait))
    if outcome.path is None:
        return result.Result(
            "teleport.yaml says what was applied: there is nothing to adopt", {"path": None, "text": ""}
        )
    shown = masking.masked(outcome.text)
    text = f"wrote {where.path(outcome.path)}:\n{shown}"
    return result.Result(text, {"path": outcome.path, "text": shown})
