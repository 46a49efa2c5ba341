"""`teleport-bootstrap signal`: tell a stack or an auto scaling group whether Teleport is healthy here."""

from __future__ import annotations

import argparse

from teleport_bootstrap.cli import options, result
from teleport_bootstrap.operations import signal_launch

EXAMPLE = "teleport-bootstrap signal"
OPTIONS = (options.WAIT, options.flag("--again", "signal a launch that was signaled before, too"))


def run(arguments: argparse.Namespace) -> result.Result:
    """Wait for Teleport, signal, and report what was said to whom."""
    outcome = signal_launch.run(options.doors(arguments), again=arguments.again)
    is_news = outcome.result != signal_launch.NOTHING
    lines = [f"signaled {outcome.result} to {outcome.target}: {outcome.reason}"] if is_news else []
    return result.Result(result.lines(lines, outcome.notes), outcome, change="; ".join(lines))
