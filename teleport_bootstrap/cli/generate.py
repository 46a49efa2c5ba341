"""`teleport-bootstrap generate`: bring this instance to what its conf says."""

from __future__ import annotations

import argparse
import os
import sys

from teleport_bootstrap.cli import disconnection, options, result
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import generate

EXAMPLE = "teleport-bootstrap generate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    options.add_build(parser)
    options.add_wait(parser)


def run(arguments: argparse.Namespace) -> result.Result:
    """Generate, and tell what was done."""
    root = options.root(arguments)
    disconnection.outlive(root)
    outcome = generate.run(gather.Doors(root, os.environ, arguments.wait), options.build(arguments))
    for line in outcome.awaited:
        # To stderr, which the console of an instance shows: it is why Teleport does not serve yet.
        print(f"teleport-bootstrap: {line}", file=sys.stderr)  # noqa: T201
    lines = [
        *(f"{'removed' if path in outcome.removed else 'wrote'} {root.path(path)}" for path in outcome.changed),
        *outcome.units,
        *(f"note: {note}" for note in outcome.notes),
    ]
    return result.Result(
        "\n".join(lines or ["nothing to change"]),
        {
            "teleport_yaml": outcome.teleport_yaml,
            "unit": outcome.unit,
            "changed": list(outcome.changed),
            "removed": list(outcome.removed),
            "units": list(outcome.units),
            "notes": list(outcome.notes),
            "awaited": list(outcome.awaited),
        },
    )
