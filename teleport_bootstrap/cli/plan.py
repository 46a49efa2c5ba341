"""`teleport-bootstrap plan`: print what the conf would change on this host, or everything on a fresh machine.

Where a conf, metadata or overrides of elsewhere are named, and on a host that has no configuration yet, the plan is for
a fresh machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from teleport_bootstrap import display, json_data
from teleport_bootstrap.cli import options, result, sources
from teleport_bootstrap.hints import Any
from teleport_bootstrap.operations import host_plan
from teleport_bootstrap.plan import plan_model, secret_mask

EXAMPLE = "teleport-bootstrap plan --conf ./conf --metadata ./facts.yaml"
OPTIONS = (
    options.flag("--fresh", "plan for a fresh machine, not for this host as it is"),
    *options.SOURCES,
    *options.BUILD,
    options.WAIT,
)


# For programs; the other words are the same.
_WORDS = {host_plan.SAME: "unchanged", host_plan.FETCHED: "present", host_plan.MISSING: "missing"}


def run(arguments: argparse.Namespace) -> result.Result:
    """Plan, and print the whole plan."""
    named = (arguments.conf, arguments.user_data, arguments.metadata, arguments.overrides)
    is_fresh = arguments.fresh or any(each is not None for each in named)
    if not is_fresh and host_plan.is_configured(options.root(arguments)):
        here = host_plan.make(options.doors(arguments), options.build(arguments))
        dangers = result.warnings(here.dangers, result.DANGER)
        return result.Result(_here(here), {**data(here.plan), "here": _here_data(here)}, findings=dangers)
    plan = sources.plan(arguments)
    return result.Result(_text(plan), {**data(plan), "here": None})


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
        "systemd": json_data.data(wanted.units),
        "notes": list(plan.notes),
    }


def _entry(planned: plan_model.PlannedFile | plan_model.PlannedDirectory | plan_model.SecretFile) -> dict[str, Any]:
    entry = {**json_data.data(planned), "mode": f"{planned.mode:04o}"}
    if isinstance(planned, plan_model.PlannedFile):
        entry["content"] = secret_mask.masked(planned.content, as_yaml=True)
    return entry


def _here_data(here: host_plan.HostPlan) -> dict[str, Any]:
    known = here.generation is not None
    return {
        "applied": {"generation": here.generation, "confirmed": here.is_confirmed} if known else None,
        "not_followed_because": here.not_followed_because or None,
        "next_command": here.command or None,
        "action": here.action,
        "unit": here.unit,
        "files": [{"path": each.path, "change": _word(each.change), "diff": each.diff or None} for each in here.files],
        "secrets": [{**json_data.data(each), "state": _word(each.state)} for each in here.secrets],
        "systemd": here.due,
        "edits": here.edits or None,
    }


def _word(state: str) -> str:
    return _WORDS.get(state, state)


def _text(plan: plan_model.Plan) -> list[str]:
    wanted = plan.activation
    units = {verb: getattr(wanted.units, verb) for verb in ("enable", "start", "disable", "stop")}
    lines = [f"role: {wanted.deployment.role.value}"]
    lines += _section("files", map(_described, plan.files))
    lines += _section("secrets", (f"{_source(each)} -> {each.path}" for each in wanted.secrets))
    lines += _section("overrides", plan.override_files)
    lines += _section("units", (f"{verb}: {', '.join(names)}" for verb, names in units.items() if names))
    lines += _section("notes", plan.notes)
    document = display.Block(secret_mask.masked(plan.teleport_yaml.content))
    return [*lines, "", f"{plan.teleport_yaml.path}:", document]


def _here(here: host_plan.HostPlan) -> list[str]:
    plan, wanted = here.plan, here.plan.activation
    planned = {each.path: each for each in plan.files}
    changing = [each for each in here.files if each.change != host_plan.SAME]
    lines = [f"role: {wanted.deployment.role.value}", f"applied: {_applied(here)}", f"next step: {_next_step(here)}"]
    lines += ["", *(display.Difference(each.diff.rstrip()) for each in changing)] if changing else []
    lines += ["", *(f"DANGER: {danger}" for danger in here.dangers)] if here.dangers else []
    if here.edits:
        lines += ["", "This manual edit would be lost:", display.Difference(here.edits.rstrip())]
    same = (each.path for each in here.files if each.change == host_plan.SAME)
    lines += _section("files that stay as they are", (_described(planned[path]) for path in same))
    lines += _section("secrets", map(_secret, here.secrets))
    lines += _section("overrides", plan.override_files)
    lines += _section("units", _units(here))
    return [*lines, *_section("notes", plan.notes)]


def _applied(here: host_plan.HostPlan) -> str:
    if here.generation is None:
        return "nothing by this agent; teleport.yaml is there nevertheless"
    unconfirmed = "" if here.is_confirmed else ", which has not been confirmed healthy"
    ignored = f"; boots do not follow the conf: {here.not_followed_because}" if here.not_followed_because else ""
    return f"generation {here.generation}{unconfirmed}{ignored}"


def _next_step(here: host_plan.HostPlan) -> str:
    if not here.command:
        return "none: this host is as the conf asks"
    if here.edits:
        return "keep the manual edit with `teleport-bootstrap adopt`, or lose it with " + (
            f"`{here.command} --discard-edits`"
        )
    what = {
        host_plan.RECONFIGURE: "applies what follows",
        host_plan.GENERATE: "sets the units; the files are as the conf asks",
        host_plan.FETCH: "fetches what is missing; all else is as the conf asks",
    }
    return f"`{here.command}` {what[here.command]}"


def _secret(each: host_plan.SecretFile) -> str:
    since = f", written {each.written_at}" if each.written_at else ""
    return f"{each.parameter or each.variable} -> {each.path}: {each.state}{since}"


def _units(here: host_plan.HostPlan) -> list[str]:
    due = json_data.data(here.due)
    others = {unit for names in due.values() for unit in names} | {here.unit}
    same = [unit for unit in here.plan.activation.units.enable if unit not in others]
    rows = {**due, "not installed": due.pop("missing"), "stay as they are": same}
    lines = [f"{verb}: {', '.join(names)}" for verb, names in rows.items() if names]
    if here.unit in here.due.missing or here.action == host_plan.START:
        return lines
    return [*lines, f"{'stays as it is' if here.action == host_plan.NOTHING else here.action}: {here.unit}"]


def _section(title: str, rows: Iterable[str]) -> list[str]:
    shown = [f"  {row}" for row in rows]
    return ["", f"{title}:", *shown] if shown else []


def _described(planned: plan_model.PlannedFile) -> str:
    return f"{planned.mode:04o} {planned.owner}:{planned.group} {planned.path}"


def _source(each: plan_model.SecretFile) -> str | None:
    return each.parameter or each.variable
