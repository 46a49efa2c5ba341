"""`teleport-bootstrap signal`: tell a stack or an auto scaling group whether Teleport is healthy, or has stopped."""

from __future__ import annotations

import argparse

from teleport_bootstrap import errors
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.operations import drain, signal_launch

EXAMPLE = "teleport-bootstrap signal"
OPTIONS = (options.WAIT, options.flag("--again", "signal a launch that was signaled before, too"))


def run(arguments: argparse.Namespace) -> result.Result:
    """Wait until Teleport is healthy or, on an instance that is terminated, has stopped; report what was said."""
    doors = options.doors(arguments)
    invalid: errors.ConfInvalid | None = None
    outcome: signal_launch.Outcome | None = None
    try:
        outcome = drain.run(doors)
    except errors.ConfInvalid as error:
        invalid = error  # signaled as a failure, if someone waits for this launch
    outcome = outcome or signal_launch.run(doors, again=arguments.again)
    if invalid is not None and outcome.result == signal_launch.NOTHING:
        raise invalid
    lines = [outcome.line] if outcome.result != signal_launch.NOTHING else []
    return result.Result(result.lines(lines, outcome.notes), outcome, change="; ".join(lines))
