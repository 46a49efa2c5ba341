"""`teleport-bootstrap generate`: apply the conf to this instance."""

from __future__ import annotations

import argparse

from teleport_bootstrap.change import unit_action
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.host import output, termination
from teleport_bootstrap.operations import generate

EXAMPLE = "teleport-bootstrap generate"
OPTIONS = (*options.BUILD, options.WAIT)

_EVERY_BOOT = (unit_action.START_REQUESTED, unit_action.LEFT_OUT, unit_action.NOT_ENABLED)


def run(arguments: argparse.Namespace) -> result.Result:
    """Generate, and report what was done."""
    doors = options.doors(arguments)
    termination.outlive_session(doors.root)
    outcome = generate.run(doors, options.build(arguments))
    # To stderr, which the console of an instance shows: this is why Teleport does not run yet.
    for pending in outcome.pending:
        output.note(f"{pending}; a timer brings it, and `{pending.command}` asks for it at once")
    for found in outcome.findings:
        output.note(str(found))
    removed = outcome.removed
    lines = [f"{'removed' if path in removed else 'wrote'} {doors.root.path(path)}" for path in outcome.changed]
    lines += unit_action.lines(outcome.units)
    text = result.lines(lines, outcome.notes, otherwise="nothing to change")
    # Each boot asks for the start of Teleport.
    routine = not outcome.changed and all(each.action in _EVERY_BOOT for each in outcome.units)
    return result.Result(text, outcome, change="; ".join(lines), routine=routine)
