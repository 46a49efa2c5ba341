"""`teleport-bootstrap adopt`: turn a manual edit of teleport.yaml into an override file."""

from __future__ import annotations

import argparse

from teleport_bootstrap import display
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.operations import adopt
from teleport_bootstrap.plan import secret_mask

EXAMPLE = "teleport-bootstrap adopt"
# There is no question to answer: the option is accepted as for the other commands that change this machine.
OPTIONS = (options.WAIT, options.flag("--yes", "accepted for scripts; this command never asks"))

_NEXT = "run `teleport-bootstrap reconfigure`, which records the edit as applied"


def run(arguments: argparse.Namespace) -> result.Result:
    """Adopt the edit, and print the override file."""
    doors = options.doors(arguments)
    outcome = adopt.run(doors)
    if outcome.path is None:
        return result.Result("teleport.yaml has no manual edit, so there is nothing to adopt", outcome)
    shown = secret_mask.masked(outcome.text)
    said = result.lines([f"wrote {doors.root.path(outcome.path)}:", display.Block(shown)], outcome.notes)
    said.append(f"next: {_NEXT}")
    data = {
        "path": outcome.path,
        "text": secret_mask.masked(outcome.text, as_yaml=True),
        "notes": outcome.notes,
        "next": _NEXT,
    }
    return result.Result(said, data)
