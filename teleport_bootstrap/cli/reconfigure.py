"""`teleport-bootstrap reconfigure`: apply an edited conf, and go back if Teleport is not well with it."""

from __future__ import annotations

import argparse
import os

from teleport_bootstrap import errors
from teleport_bootstrap.cli import confirmation, disconnection, options, result
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import reconfigure, reconfigure_proposal

EXAMPLE = "teleport-bootstrap reconfigure --dry-run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and stop")
    options.add_trial(parser)
    parser.add_argument(
        "--reset-data", action="store_true", help="set Teleport's data aside, so that it begins anew; asks twice"
    )
    options.add_build(parser)
    options.add_wait(parser)


def run(arguments: argparse.Namespace) -> result.Result:
    """Reconfigure, and tell what was done."""
    root = options.root(arguments)
    if not arguments.dry_run:
        disconnection.outlive(root)
    wishes = reconfigure.Wishes(
        discard_edits=arguments.discard_edits,
        reset_data=arguments.reset_data,
        dry_run=arguments.dry_run,
        health_seconds=arguments.health_wait,
    )
    shown: list[reconfigure_proposal.Proposal] = []

    def agreed(proposed: reconfigure_proposal.Proposal) -> bool:
        shown.append(proposed)
        if arguments.dry_run or arguments.yes:
            return not arguments.dry_run
        question = "Apply this?"
        confirmation.require_terminal("reconfigure", arguments.format)
        if not confirmation.yes(_text(proposed, wishes) + f"\n{question}"):
            return False
        return not wishes.reset_data or confirmation.yes("Really set Teleport's data aside and begin anew?")

    doors = gather.Doors(root, os.environ, arguments.wait)
    outcome = reconfigure.run(doors, options.build(arguments), wishes, agreed)
    text = []
    if shown and (arguments.dry_run or arguments.yes):
        text.append(_text(shown[0], wishes))
    text += [
        {
            reconfigure.UNCHANGED: "nothing has changed, and nothing was touched",
            reconfigure.DECLINED: "nothing was touched",
            reconfigure.APPLIED: f"generation {outcome.generation} is applied",
        }[outcome.what],
        *outcome.units,
        *((f"Teleport: {outcome.seen}",) if outcome.seen else ()),
        *(f"note: {note}" for note in outcome.notes),
    ]
    return result.Result(
        "\n".join(text),
        {
            "result": outcome.what,
            "generation": outcome.generation,
            "changed": list(outcome.changed),
            "units": list(outcome.units),
            "health": outcome.seen,
            "notes": list(outcome.notes),
            "proposal": _data(shown[0]) if shown else None,
        },
        errors.OK,
    )


def _text(proposed: reconfigure_proposal.Proposal, wishes: reconfigure.Wishes) -> str:
    lines = [each.diff.rstrip() for each in proposed.differences]
    lines += [f"{path}: a new secret (not shown)" for path in proposed.secrets_change]
    if proposed.edits:
        lines += ["These edits of somebody will be lost:", proposed.edits.rstrip()]
    lines += [f"DANGER: {danger}" for danger in proposed.dangers]
    if wishes.reset_data:
        lines += [f"DANGER: {line}" for line in _reset(proposed)]
    if not proposed.differences and not proposed.secrets_change:
        lines.append("No file changes what it says; what is there now counts as applied from here on.")
    lines.append(f"Then {proposed.action} {proposed.plan.activation.unit}, and see that Teleport is well.")
    return "\n".join(lines)


def _reset(proposed: reconfigure_proposal.Proposal) -> list[str]:
    lines = ["Teleport's data directory is set aside: this host forgets its identity, and a local cluster its users"]
    if proposed.plan.activation.deployment.dynamodb:
        lines.append("the cluster's state is in DynamoDB: setting the data directory aside does not reset the cluster")
    return lines


def _data(proposed: reconfigure_proposal.Proposal) -> dict[str, object]:
    return {
        "action": proposed.action,
        "unit": proposed.plan.activation.unit,
        "differences": [{"path": each.path, "diff": each.diff} for each in proposed.differences],
        "secrets": list(proposed.secrets_change),
        "edits": proposed.edits,
        "dangers": list(proposed.dangers),
    }
