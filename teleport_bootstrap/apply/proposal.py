"""What `reconfigure` would do, worked out and shown before any of it is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.apply import current, edits, gather, generations, needed, restored, secrets, units, waiting
from teleport_bootstrap.conf import conf
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import root
from teleport_bootstrap.plan import comparison, model, overrides, planner, teleport_build

# A cluster has been born, or a host has joined one, when one of these is there.
_TRACES = ("backend", "proc", "host_uuid")


@dataclass(frozen=True)
class Difference:
    """How one file will change, as a unified diff."""

    path: str
    diff: str


@dataclass(frozen=True)
class Proposal:
    """The plan, what it changes on this machine, and what a person should know before saying yes.

    `edits` is how teleport.yaml differs from what was applied, where a person has edited it; empty otherwise.
    `before` is the document that Teleport runs with now, None without one.
    """

    given: conf.Conf
    build: teleport_build.TeleportBuild
    instance: facts.Facts
    plan: model.Plan
    fetched: secrets.Fetched
    differences: tuple[Difference, ...]
    secrets_change: tuple[str, ...]
    edits: str
    dangers: tuple[str, ...]
    notes: tuple[str, ...]
    action: str
    now: current.Current | None
    generation: generations.Generation | None
    before: dict[str, Any] | None

    @property
    def changes_something(self) -> bool:
        """Whether any file would change, the content of a secret file, or what counts as applied, as after `adopt`."""
        is_recorded = self.generation is None or self.generation.document == self.plan.document
        return bool(self.differences or self.secrets_change or not is_recorded)


def make(doors: gather.Doors, named: gather.NamedBuild) -> Proposal:
    """Read, check, fetch and plan; touch nothing. Raises what these raise, and ConfMissing without a conf."""
    where = doors.where
    given = gather.settings(where)
    if given is None:
        raise errors.ConfMissing(
            f"there is no {where.path(paths.CONF)} to reconfigure from", hint=f"Write {paths.CONF} first."
        )
    asked = restored.pending(where, given)
    if asked is not None:
        raise restored.refusal(where, "reconfigure", asked)
    build = gather.build(where, named)
    files = gather.overrides(where)
    overrides.check(files)
    instance = gather.instance(given, doors)
    plan = planner.plan(given, instance, build, files)
    units.require(where, plan.activation.unit)
    notes = needed.require(where, plan)
    fetched = secrets.fetch(plan.activation.secrets, instance.region, plan.activation.deployment.fips, doors)
    values = {**secrets.from_conf(plan.activation.secrets, given), **fetched.values}
    now = current.read(where)
    generation = _generation(where, now)
    before = edits.document(edits.text(where, paths.TELEPORT_YAML))
    differences = tuple(_differences(where, plan))
    return Proposal(
        given=given,
        build=build,
        instance=instance,
        plan=plan,
        fetched=secrets.Fetched(values, fetched.notes),
        differences=differences,
        secrets_change=tuple(path for path, value in values.items() if not _holds(where, path, value.reveal())),
        edits=edits.lost(where, generation, plan.document),
        dangers=(
            *(comparison.dangers(before, plan.document) if before and _has_state(where) else ()),
            *_foreign_data(where, plan),
            *(f"no Teleport runs until then: {note}" for note in waiting.describe(where, plan.activation, had=values)),
        ),
        notes=(*plan.notes, *notes, *fetched.notes, *restored.ignored(where, given)),
        action=_action(differences, [before, *([generation.document] if generation else [])], plan),
        now=now,
        generation=generation,
        before=before,
    )


def _generation(where: root.Root, now: current.Current | None) -> generations.Generation | None:
    try:
        return None if now is None else generations.load(where, now.generation)
    except errors.GenerationMissing:
        return None


def _differences(where: root.Root, plan: model.Plan) -> list[Difference]:
    found = []
    for planned in plan.files:
        before = edits.text(where, planned.path)
        if planned.path == paths.TELEPORT_YAML and edits.document(before) == plan.document:
            continue  # only its comments differ
        if before != planned.content:
            found.append(Difference(planned.path, comparison.unified(planned.path, before, planned.content)))
    for path in plan.activation.absent:
        before = edits.text(where, path)
        if before is not None:
            found.append(Difference(path, comparison.unified(path, before, None)))
    return found


def _action(differences: tuple[Difference, ...], before: Sequence[dict[str, Any] | None], plan: model.Plan) -> str:
    """Return what takes the change up; `before` are the documents that the running Teleport may have read.

    Of a file that somebody has edited, nobody knows whether Teleport was restarted with it.
    """
    only_document = all(each.path == paths.TELEPORT_YAML for each in differences)
    if only_document and all(each and comparison.reload_suffices(each, plan.document) for each in before):
        return units.RELOAD
    return units.RESTART


def _holds(where: root.Root, path: str, value: str) -> bool:
    return secrets.read(where, path) == value.encode()


def _foreign_data(where: root.Root, plan: model.Plan) -> list[str]:
    """Return what a unit that runs as an account of its own would suffer from in a data directory of root's."""
    (account,) = [each.owner for each in plan.activation.directories if each.path == paths.DATA]
    shown = where.path(paths.DATA)
    if account == "root" or not _has_state(where) or os.stat(shown).st_uid != 0:
        return []
    return [
        f"what is in {shown} belongs to root, and {plan.activation.unit} runs as {account}, who cannot read it: "
        "--reset-data sets it aside; to keep it, stop Teleport and give it to that account first"
    ]


def _has_state(where: root.Root) -> bool:
    return any(os.path.lexists(where.path(f"{paths.DATA}/{name}")) for name in _TRACES)
