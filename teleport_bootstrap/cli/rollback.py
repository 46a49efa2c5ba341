"""`teleport-bootstrap rollback`: return to an earlier generation."""

from __future__ import annotations

import argparse
from typing import Any

from teleport_bootstrap.change import unit_action
from teleport_bootstrap.cli import confirmation, options, result
from teleport_bootstrap.host import termination
from teleport_bootstrap.operations import rollback
from teleport_bootstrap.state import generations

EXAMPLE = "teleport-bootstrap rollback 3 --yes"
OPTIONS = (
    options.option("generation", "which one; default: the previous one", nargs="?", type=int, metavar="N"),
    *confirmation.OPTIONS,
    options.WAIT,
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Roll back, and report what was done."""
    doors = options.doors(arguments)
    termination.outlive_session(doors.root)

    def agreed(target: generations.Generation) -> bool:
        question = f"Return to generation {target.number} of {target.made_at} ({target.made_by})?"
        return confirmation.agreed(arguments, question)

    outcome = rollback.run(
        doors, arguments.generation, agreed, discard_edits=arguments.discard_edits, health_seconds=arguments.health_wait
    )
    if outcome is None:
        return result.Result("nothing was changed", _data("declined", None))
    lines = [
        f"generation {outcome.generation} is applied",
        *unit_action.lines(outcome.units),
        result.health(outcome.health),
    ]
    return result.Result(result.lines(lines, outcome.notes), _data("applied", outcome))


def _data(what: str, outcome: rollback.Outcome | None) -> dict[str, Any]:
    return {
        "result": what,
        "generation": outcome.generation if outcome else None,
        "changed": outcome.changed if outcome else (),
        "units": outcome.units if outcome else (),
        "health": result.health_word(outcome.health if outcome else ""),
        "notes": outcome.notes if outcome else (),
    }
