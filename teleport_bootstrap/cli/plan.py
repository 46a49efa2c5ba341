"""`teleport-bootstrap plan`: print everything that generate would do."""

from __future__ import annotations

import argparse
from typing import Any

from teleport_bootstrap.cli import options, result, sources
from teleport_bootstrap.plan import plan_model

EXAMPLE = "teleport-bootstrap plan --conf ./conf --metadata ./facts.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    options.add_sources(parser)
    options.add_build(parser)
    options.add_wait(parser)


def run(arguments: argparse.Namespace) -> result.Result:
    """Plan, and show the whole of it."""
    plan = sources.plan(arguments)
    return result.Result(_text(plan), data(plan))


def data(plan: plan_model.Plan) -> dict[str, Any]:
    """Return `plan` as plain values; of secrets only where they come from and go to."""
    wanted = plan.activation
    return {
        "role": wanted.deployment.role.value,
        "teleport_yaml": plan.document,
        "overrides": list(plan.override_files),
        "files": [
            {
                "path": each.path,
                "mode": f"{each.mode:04o}",
                "owner": each.owner,
                "group": each.group,
                "content": each.content,
            }
            for each in plan.files
        ],
        "secrets": [
            {
                "parameter": each.parameter,
                "variable": each.variable,
                "path": each.path,
                "mode": f"{each.mode:04o}",
                "owner": each.owner,
                "group": each.group,
                "awaited": each.awaited,
            }
            for each in wanted.secrets
        ],
        "directories": [
            {"path": each.path, "mode": f"{each.mode:04o}", "owner": each.owner, "group": each.group}
            for each in wanted.directories
        ],
        "markers": list(wanted.markers),
        "absent": list(wanted.absent),
        "units": {
            "enable": list(wanted.units.enable),
            "disable": list(wanted.units.disable),
            "start": list(wanted.units.start),
            "stop": list(wanted.units.stop),
        },
        "notes": list(plan.notes),
    }


def _text(plan: plan_model.Plan) -> str:
    wanted = plan.activation
    lines = [f"role: {wanted.deployment.role.value}", "", "files:"]
    lines += [f"  {each.mode:04o} {each.owner}:{each.group} {each.path}" for each in plan.files]
    if wanted.secrets:
        lines += ["", "secrets:"]
        lines += [f"  {each.parameter or each.variable} -> {each.path}" for each in wanted.secrets]
    if plan.override_files:
        lines += ["", "overrides:", *(f"  {path}" for path in plan.override_files)]
    lines += ["", "units:"]
    for verb, units in (
        ("enable", wanted.units.enable),
        ("start", wanted.units.start),
        ("disable", wanted.units.disable),
        ("stop", wanted.units.stop),
    ):
        lines += [f"  {verb}: {', '.join(units)}"] if units else []
    if plan.notes:
        lines += ["", "notes:", *(f"  {note}" for note in plan.notes)]
    lines += ["", f"{plan.teleport_yaml.path}:", plan.teleport_yaml.content]
    return "\n".join(lines)
