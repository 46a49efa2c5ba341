"""`teleport-bootstrap plan`: print everything that `generate` would do."""

from __future__ import annotations

import argparse
from typing import Any

from teleport_bootstrap import display, json_data
from teleport_bootstrap.cli import options, result, sources
from teleport_bootstrap.plan import plan_model, secret_mask

EXAMPLE = "teleport-bootstrap plan --conf ./conf --metadata ./facts.yaml"
OPTIONS = (*options.SOURCES, *options.BUILD, options.WAIT)


def run(arguments: argparse.Namespace) -> result.Result:
    """Plan, and print the whole plan."""
    plan = sources.plan(arguments)
    return result.Result(_text(plan), data(plan))


def data(plan: plan_model.Plan) -> dict[str, Any]:
    """Return `plan` as plain values; of secrets only where they come from and go to."""
    wanted = plan.activation
    return {
        "role": wanted.deployment.role.value,
        "teleport_yaml": secret_mask.document(plan.document),
        "overrides": list(plan.override_files),
        "files": [_entry(each) for each in plan.files],
        "secrets": [_entry(each) for each in wanted.secrets],
        "directories": [_entry(each) for each in wanted.directories],
        "markers": list(wanted.markers),
        "absent": list(wanted.absent),
        "units": json_data.data(wanted.units),
        "notes": list(plan.notes),
    }


def _entry(planned: plan_model.PlannedFile | plan_model.PlannedDirectory | plan_model.SecretFile) -> dict[str, Any]:
    entry = {**json_data.data(planned), "mode": f"{planned.mode:04o}"}
    if isinstance(planned, plan_model.PlannedFile):
        entry["content"] = secret_mask.masked(planned.content, as_yaml=True)
    return entry


def _text(plan: plan_model.Plan) -> list[str]:
    wanted = plan.activation
    units = {verb: getattr(wanted.units, verb) for verb in ("enable", "start", "disable", "stop")}
    sections = {
        "files": [f"{each.mode:04o} {each.owner}:{each.group} {each.path}" for each in plan.files],
        "secrets": [f"{each.parameter or each.variable} -> {each.path}" for each in wanted.secrets],
        "overrides": plan.override_files,
        "units": [f"{verb}: {', '.join(names)}" for verb, names in units.items() if names],
        "notes": plan.notes,
    }
    lines = [f"role: {wanted.deployment.role.value}"]
    for title, rows in sections.items():
        lines += ["", f"{title}:", *(f"  {row}" for row in rows)] if rows else []
    document = display.Block(secret_mask.masked(plan.teleport_yaml.content))
    return [*lines, "", f"{plan.teleport_yaml.path}:", document]
