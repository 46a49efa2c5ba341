"""What `reconfigure` would do, computed and shown before any of it is done."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import needed_files, units
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import directory
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.operations import generate
from teleport_bootstrap.plan import comparison, plan_model, teleport_build
from teleport_bootstrap.state import current, generations, manual_edits, restore_record

# A cluster has been born, or a host has joined one, when one of these is there.
_TRACES = ("backend", "proc", "host_uuid")


@dataclass(frozen=True)
class Difference:
    """How one file will change, as a unified diff."""

    path: str
    diff: str


@dataclass(frozen=True)
class Proposal:
    """The plan, what it changes on this machine, and what an operator should know before agreeing.

    `edits` is how teleport.yaml differs from what was applied, if it has a manual edit; empty otherwise.
    `before` is the document that Teleport runs with now, None without one.
    """

    conf: conf_file.Conf
    build: teleport_build.TeleportBuild
    instance: facts.Facts
    plan: plan_model.Plan
    fetched: secret_values.Fetched
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


def make(doors: gather.Doors, named: gather.NamedBuild, *, discard_edits: bool = False) -> Proposal:
    """Read, check, fetch and plan; touch nothing. Raises what these raise, and ConfMissing without a conf.

    With `discard_edits`, a comment in teleport.yaml is a difference too.
    """
    root = doors.root
    conf = gather.conf(root)
    if conf is None:
        raise errors.ConfMissing(
            f"there is no {root.path(paths.CONF)} to reconfigure from", hint=f"Write {paths.CONF} first."
        )
    asked = restore_record.pending(root, conf)
    if asked is not None:
        raise restore_record.refusal(root, "reconfigure", asked)
    build = gather.build(root, named)
    plan, instance, fetched = generate.make_plan(doors, conf, build, is_boot=False)
    return judged(root, conf, build, (plan, instance, fetched), discard_edits=discard_edits)


def judged(
    root: paths.Root,
    conf: conf_file.Conf,
    build: teleport_build.TeleportBuild,
    made: tuple[plan_model.Plan, facts.Facts, secret_values.Fetched],
    *,
    discard_edits: bool = False,
    may_come: Collection[str] = (),
) -> Proposal:
    """Compare what was `made`, as `generate.make_plan` returns it, with this host; touch nothing, and ask no one.

    `may_come` are secret files that SSM has, as far as is known: there is no warning about waiting for one of them.
    """
    plan, instance, fetched = made
    now = current.FILE.read(root)
    generation = current.known_generation(root, now)
    before = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML))
    differences = tuple(_differences(root, plan, also_comments=discard_edits))
    return Proposal(
        conf=conf,
        build=build,
        instance=instance,
        plan=plan,
        fetched=fetched,
        differences=differences,
        secrets_change=tuple(
            path for path, value in fetched.values.items() if directory.content(root, path) != value.reveal().encode()
        ),
        edits=manual_edits.lost(root, generation, plan.document),
        dangers=(
            *(
                [f"{root.path(paths.CONF)} was not edited since: {now.rejected_because}"]
                if now is not None and now.rejected_conf_sha256 == conf.sha256
                else []
            ),
            *(comparison.dangers(before, plan.document) if before and _has_state(root) else ()),
            *_foreign_data(root, plan),
            *(
                f"no Teleport runs until then: {note}"
                for note in needed_files.describe_pending(root, plan.activation, had={*fetched.values, *may_come})
            ),
        ),
        notes=(*fetched.notes, *restore_record.ignored(root, conf)),
        action=_action(differences, [before, *([generation.document] if generation else [])], plan),
        now=now,
        generation=generation,
        before=before,
    )


def _differences(root: paths.Root, plan: plan_model.Plan, *, also_comments: bool) -> list[Difference]:
    found = []
    for planned in plan.files:
        before = manual_edits.text(root, planned.path)
        is_teleport_yaml = planned.path == paths.TELEPORT_YAML
        if is_teleport_yaml and not also_comments and manual_edits.document(before) == plan.document:
            continue  # only its comments differ
        if before != planned.content:
            found.append(Difference(planned.path, comparison.unified(planned.path, before, planned.content)))
    for path in plan.activation.absent:
        before = manual_edits.text(root, path)
        if before is not None:
            found.append(Difference(path, comparison.unified(path, before, None)))
    return found


def _action(differences: tuple[Difference, ...], before: Sequence[dict[str, Any] | None], plan: plan_model.Plan) -> str:
    """Return how Teleport reads the change; `before` are the documents that the running Teleport may have read.

    It is unknown whether Teleport was restarted after a manual edit.
    """
    only_document = all(each.path == paths.TELEPORT_YAML for each in differences)
    if only_document and all(each and comparison.reload_suffices(each, plan.document) for each in before):
        return units.RELOAD
    return units.RESTART


def _foreign_data(root: paths.Root, plan: plan_model.Plan) -> list[str]:
    """Return a note where the data belongs to root and the unit runs as another account."""
    (account,) = [each.owner for each in plan.activation.directories if each.path == paths.DATA]
    shown = root.path(paths.DATA)
    if account == "root" or not _has_state(root) or os.stat(shown).st_uid != 0:
        return []
    return [
        f"what is in {shown} belongs to root, and {plan.activation.unit} runs as {account}, who cannot read it: "
        "--reset-data sets it aside; to keep it, stop Teleport and give it to that account first"
    ]


def _has_state(root: paths.Root) -> bool:
    return any(os.path.lexists(root.path(f"{paths.DATA}/{name}")) for name in _TRACES)
