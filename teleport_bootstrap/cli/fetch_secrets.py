"""`teleport-bootstrap fetch-secrets`: fetch the token, CA pin and license from SSM."""

from __future__ import annotations

import argparse
import os

from teleport_bootstrap.change import unit_action
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import fetch_secrets

EXAMPLE = "teleport-bootstrap fetch-secrets"
OPTIONS = (
    options.WAIT,
    options.duration("--publish-wait", 0.0, "how long to wait for the files that Teleport cannot start without"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Fetch, and report what changed."""
    root = options.root(arguments)
    doors = gather.Doors(root, os.environ, arguments.wait)
    outcome = fetch_secrets.run(doors, publish_wait_seconds=arguments.publish_wait)
    lines = [
        *(f"wrote {root.path(path)}" for path in outcome.changed),
        *unit_action.lines(outcome.units),
    ]
    text = result.lines(lines, outcome.notes, otherwise="nothing has changed")
    return result.Result(text, outcome, change="; ".join(lines))
