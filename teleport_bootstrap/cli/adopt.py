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

ADOPTED = "adopted"
NOTHING = "nothing"

_NEXT = "teleport-bootstrap reconfigure"


def run(arguments: argparse.Namespace) -> result.Result:
    """Adopt the edit, and print the override file."""
    doors = options.doors(arguments)
    outcome = adopt.run(doors)
    if outcome.path is None:
        said = ["teleport.yaml has no manual edit, so there is nothing to adopt"]
        nothing = dict.fromkeys(("path", "content", "next_command"))
        return result.Result(said, {"result": NOTHING, **nothing, "notes": outcome.notes})
    shown = secret_mask.masked(outcome.text)
    said = result.lines([f"wrote {doors.root.path(outcome.path)}:", display.Block(shown)], outcome.notes)
    said.append(f"next: run `{_NEXT}`, which records the edit as applied")
    data = {
        "result": ADOPTED,
        "path": outcome.path,
        "content": secret_mask.masked(outcome.text, as_yaml=True),
        "next_command": _NEXT,
        "notes": outcome.notes,
    }
    return result.Result(said, data, change=f"wrote {doors.root.path(outcome.path)} from a manual edit")
