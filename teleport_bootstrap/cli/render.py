"""`teleport-bootstrap render`: print the teleport.yaml that a conf produces."""

from __future__ import annotations

import argparse
import logging

from teleport_bootstrap.cli import options, result, sources
from teleport_bootstrap.plan import explain

EXAMPLE = "teleport-bootstrap render --conf ./conf --metadata ./facts.yaml"

logger = logging.getLogger(__name__)

OPTIONS = (
    *options.SOURCES,
    *options.BUILD,
    options.WAIT,
    options.flag("--explain", "print each value with the conf line or other place it comes from"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Print the planned file; notes go to the log."""
    plan = sources.plan(arguments)
    for note in plan.notes:
        logger.warning("%s", note)
    if arguments.explain:
        entries = explain.entries(plan.tree, plan.removed)
        return result.Result(explain.text(entries), entries)
    return result.Result(plan.teleport_yaml.content, plan.document)
