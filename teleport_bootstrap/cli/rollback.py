"""`teleport-bootstrap rollback`: return to an earlier generation."""

from __future__ import annotations

import argparse

from teleport_bootstrap.cli import confirmation, options, proposal, result
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import termination
from teleport_bootstrap.operations import rollback

EXAMPLE = "teleport-bootstrap rollback 3 --dry-run"


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        message = "a generation such as 3; `teleport-bootstrap history` lists them"
        raise argparse.ArgumentTypeError(message) from None


OPTIONS = (
    options.option("generation", "which one; default: the previous one", nargs="?", type=_number, metavar="N"),
    options.flag("--dry-run", "show what would change, and stop"),
    *confirmation.OPTIONS,
    options.WAIT,
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Roll back, and report what was done."""
    doors = options.doors(arguments)
    if not arguments.dry_run:
        termination.outlive_session(doors.root)
    wishes = rollback.Wishes(
        arguments.generation,
        discard_edits=arguments.discard_edits,
        dry_run=arguments.dry_run,
        rehearse=not arguments.yes,
        health_seconds=arguments.health_wait,
    )
    shown: list[rollback.Proposal] = []

    def agreed(proposed: rollback.Proposal) -> bool:
        shown.append(proposed)
        return confirmation.agreed(arguments, [*_text(proposed), f"Return to generation {proposed.target.number}?"])

    outcome = rollback.run(doors, wishes, agreed)
    lines = _text(shown[0]) if shown and arguments.dry_run else []
    if outcome is None:
        lines.append("nothing was changed")
    else:
        done = f"generation {outcome.generation} is applied"
        lines.append(result.closing(done, outcome.units, outcome.health))
    notes = shown[0].notes if outcome is None else outcome.notes
    dangers = result.warnings(shown[0].dangers, result.DANGER)
    data = _data(shown[0], outcome, is_dry=arguments.dry_run)
    change = "" if outcome is None else f"generation {outcome.generation} is applied"
    return result.Result(result.lines(lines, notes), data, findings=dangers, change=change)


def _data(proposed: rollback.Proposal, outcome: rollback.Outcome | None, *, is_dry: bool) -> dict[str, Any]:
    now = proposed.now.generation if proposed.now else None
    return {
        "result": rollback.APPLIED if outcome else rollback.PROPOSED if is_dry else rollback.DECLINED,
        "generation": outcome.generation if outcome else now,
        "changed": outcome.changed if outcome else (),
        "units": outcome.units if outcome else (),
        "health": result.health_word(outcome.health if outcome else ""),
        "proposal": {"generation": proposed.target.number, **proposal.data(proposed)},
        "notes": outcome.notes if outcome else proposed.notes,
    }


def _text(proposed: rollback.Proposal) -> list[str]:
    target = proposed.target
    made = f"{target.made_at}, {target.role}, Teleport {target.teleport_version}, {target.made_by}"
    return [f"generation {target.number} of {made}", *proposal.text(proposed, proposed.dangers)]
