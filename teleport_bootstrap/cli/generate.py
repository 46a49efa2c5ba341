"""`teleport-bootstrap generate`: apply the conf to this instance."""

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
    """Generate, and report what was done."""
    root = options.root(arguments)
    disconnection.outlive(root)
    outcome = generate.run(gather.Doors(root, os.environ, arguments.wait), options.build(arguments))
    for line in outcome.pending:
        # To stderr, which the console of an instance shows: this is why Teleport does not run yet.
        print(f"teleport-bootstrap: {line}", file=sys.stderr)  # noqa: T201
    lines = [
        *(f"{'removed' if path in outcome.removed else 'wrote'} {root.path(path)}" for path in outcome.changed),
        *outcome.units,
    ]
    return result.Result(result.text(lines, outcome.notes, otherwise="nothing to change"), outcome)
