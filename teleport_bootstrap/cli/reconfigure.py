"""`teleport-bootstrap reconfigure`: apply an edited conf, and roll back if Teleport is not healthy with it."""

from __future__ import annotations

import argparse

from teleport_bootstrap import errors, json_data
from teleport_bootstrap.cli import confirmation, options, proposal, result
from teleport_bootstrap.host import termination
from teleport_bootstrap.operations import reconfigure, reconfigure_proposal

EXAMPLE = "teleport-bootstrap reconfigure --dry-run"
OPTIONS = (
    options.flag("--dry-run", "show what would change, and stop"),
    *confirmation.OPTIONS,
    options.flag("--reset-data", "start with an empty data directory, keeping the old one; asks twice"),
    *options.BUILD,
    options.WAIT,
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Reconfigure, and report what was done."""
    doors = options.doors(arguments)
    if not arguments.dry_run:
        termination.outlive_session(doors.root)
    wishes = reconfigure.Wishes(
        discard_edits=arguments.discard_edits,
        reset_data=arguments.reset_data,
        dry_run=arguments.dry_run,
        rehearse=not arguments.yes,
        health_seconds=arguments.health_wait,
    )
    shown: list[reconfigure_proposal.Proposal] = []

    def agreed(proposed: reconfigure_proposal.Proposal) -> bool:
        shown.append(proposed)
        again = ["Really start with an empty data directory?"] if wishes.reset_data else []
        return confirmation.agreed(arguments, [*_text(proposed, wishes), "Apply this?"], *again)

    outcome = reconfigure.run(doors, options.build(arguments), wishes, agreed)
    is_recorded = reconfigure.RECORDED in outcome.notes
    lines = _text(shown[0], wishes) if shown and arguments.dry_run else []
    done = {
        reconfigure.UNCHANGED: "nothing has changed" + ("" if is_recorded else ", and nothing was touched"),
        reconfigure.DECLINED: "nothing was changed",
        reconfigure.PROPOSED: "nothing was changed",
        reconfigure.APPLIED: f"generation {outcome.generation} is applied",
    }[outcome.result]
    report = outcome.health if outcome.result == reconfigure.APPLIED else None
    lines.append(result.closing(done, outcome.units, report))
    data = {
        **json_data.data(outcome),
        "health": result.health_word(outcome.health),
        "proposal": proposal.data(shown[0]) if shown else None,
    }
    dangers = result.warnings(_dangers(shown[0], wishes) if shown else (), result.DANGER)
    if outcome.pending:
        lines += [f"pending: {each}" for each in outcome.pending]
        lines.append("no Teleport runs here until these arrive")
    status = errors.PENDING if outcome.pending else errors.OK
    text, change = result.lines(lines, outcome.notes), _change(outcome, wishes)
    return result.Result(text, data, status, findings=dangers, change=change)


def _change(outcome: reconfigure.Outcome, wishes: reconfigure.Wishes) -> str:
    if outcome.result != reconfigure.APPLIED:
        return reconfigure.RECORDED if reconfigure.RECORDED in outcome.notes else ""
    start = "an interrupted change was completed: " if reconfigure.RESUMED in outcome.notes else ""
    data = " with an empty data directory; the old one is kept" if wishes.reset_data else ""
    return f"{start}generation {outcome.generation} is applied{data}"


def _text(proposed: reconfigure_proposal.Proposal, wishes: reconfigure.Wishes) -> list[str]:
    return proposal.text(proposed, _dangers(proposed, wishes))


def _dangers(proposed: reconfigure_proposal.Proposal, wishes: reconfigure.Wishes) -> list[str]:
    return [*proposed.dangers, *(_reset(proposed) if wishes.reset_data else [])]


def _reset(proposed: reconfigure_proposal.Proposal) -> list[str]:
    lines = ["Teleport's data directory is moved aside: this host loses its identity, and a local cluster its users"]
    if proposed.plan.activation.deployment.dynamodb:
        lines.append("the cluster's state is in DynamoDB: an empty data directory does not reset the cluster")
    return lines
