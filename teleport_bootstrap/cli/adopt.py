"""`teleport-bootstrap adopt`: turn a manual edit of teleport.yaml into an override file."""

from __future__ import annotations

import argparse
import os

from teleport_bootstrap.cli import options, result
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import adopt
from teleport_bootstrap.plan import secret_mask

EXAMPLE = "teleport-bootstrap adopt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    options.add_wait(parser)


def run(arguments: argparse.Namespace) -> result.Result:
    """Adopt the edit, and print the override file."""
    root = options.root(arguments)
    outcome = adopt.run(gather.Doors(root, os.environ, arguments.wait))
    if outcome.path is None:
        return result.Result(
            "teleport.yaml has no manual edit, so there is nothing to adopt", {"path": None, "text": ""}
        )
    shown = secret_mask.masked(outcome.text)
    text = f"wrote {root.path(outcome.path)}:\n{shown}"
    return result.Result(text, {"path": outcome.path, "text": shown})
