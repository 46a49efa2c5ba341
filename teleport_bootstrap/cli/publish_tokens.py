"""`teleport-bootstrap publish-tokens`: publish join tokens and CA pins to SSM."""

from __future__ import annotations

import argparse
import os

from teleport_bootstrap.cli import options, result
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import publish_tokens
from teleport_bootstrap.state import jobs

EXAMPLE = "teleport-bootstrap publish-tokens --force"
OPTIONS = (options.WAIT, options.flag("--force", "publish even if another auth server has just done so"))


def run(arguments: argparse.Namespace) -> result.Result:
    """Publish, and report the parameters."""
    root = options.root(arguments)
    doors = gather.Doors(root, os.environ, arguments.wait)
    outcome = jobs.run(
        root,
        jobs.PUBLISH_TOKENS,
        lambda: publish_tokens.run(doors, force=arguments.force),
        publish_tokens.Outcome.summary,
    )
    lines = [
        *([outcome.left] if outcome.left else []),
        *(f"published {name}" for name in outcome.published),
        *([f"corrected the token resource {outcome.join_resource}"] if outcome.join_resource else []),
    ]
    change = "" if outcome.left else "; ".join(lines)
    return result.Result(result.lines(lines, outcome.notes), outcome, change=change)
