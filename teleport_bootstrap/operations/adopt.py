"""`adopt`: turn a manual edit of teleport.yaml into an override file, which is merged into every later one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import plan_files, session
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.hints import Any, NamedTuple
from teleport_bootstrap.host import regular_file, trust
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import generate
from teleport_bootstrap.plan import (
    adoption,
    comparison,
    instance_facts,
    overrides,
    plan_model,
    planner,
    teleport_build,
    yaml_reading,
)
from teleport_bootstrap.records import dataclass, replace
from teleport_bootstrap.state import current, generations

PATH = instance_facts.ADOPTED

_OTHERWISE = "or run `teleport-bootstrap reconfigure --discard-edits` to have the file made from the conf"


@dataclass(frozen=True)
class Outcome:
    """The file that was written, as the instance sees it, and what it says; None where there was nothing to adopt."""

    path: str | None
    text: str = ""
    notes: tuple[str, ...] = ()


class _Edit(NamedTuple):
    """A teleport.yaml: its path in messages, its digest, its content with places, and what Teleport reads in it."""

    path: str
    sha256: str
    root: yaml_reading.Located
    document: dict[str, Any]


class _Judge(NamedTuple):
    """What a plan is made from, but for the overrides."""

    conf: conf_file.Conf
    instance: facts.Facts
    build: teleport_build.TeleportBuild


def run(doors: gather.Doors) -> Outcome:
    """Write what teleport.yaml says other than the conf as an override; change nothing else.

    What has changed in the conf since that was applied stays. The result is judged as `generate` and `reconfigure`
    judge it, so that they accept what is written here, and make of it what the edited file says.

    Raises FileTrouble where teleport.yaml cannot be read, an earlier adoption would be lost, or another override undoes
    the edit; GenerationMissing where there is neither a conf nor anything that was applied; DocumentInvalid with the
    lines of the edit that Teleport refuses; and everything that reading and planning raise. Then nothing has changed.
    """
    root = doors.root
    with session.begin(root, "adopt", deadline_seconds=doors.wait_seconds):
        now = current.FILE.read(root)
        generation = None if now is None else generations.load(root, now.generation)
        conf = gather.conf(root)
        if conf is None:
            raise _without_conf(root, generation is None)
        edit = _edited(root)
        applied = None if generation is None else adoption.meaning(generation.document)
        if applied is not None and comparison.same(applied, edit.document):
            return Outcome(None)
        _require_readable(root)
        build = gather.build(root, gather.NamedBuild(), conf)
        files = generate.ready(root, conf, build)
        judge = _Judge(conf, gather.instance(conf, doors), build)
        full = adoption.meaning(planner.unjudged(*judge, files))
        wanted = adoption.target(full, applied, edit.document)
        if comparison.same(full, wanted) and generation is None:
            return Outcome(None)
        others = tuple(each for each in files if each.path != root.path(PATH))
        base = adoption.meaning(planner.unjudged(*judge, others))
        text = adoption.override(base, wanted)
        adopted = overrides.Override(root.path(PATH), text.encode())
        together = tuple(sorted((*others, adopted), key=lambda each: each.path))
        plan, missing = _judged(root, judge, together, edit)
        _require_effect(root, plan, wanted, together)
        _let_teleport_check(root, plan, edit)
        with Transaction(root) as change:
            change.make_directory(paths.OVERRIDES, mode=0o755, owner="root", group="root")
            change.write(PATH, adopted.content, mode=0o600, owner="root", group="root")
            if now is not None:
                change.write_state(current.FILE, replace(now, adopted_sha256=edit.sha256))
            change.commit()
        found = (*adoption.frozen_lists(base, yaml_reading.parse(text)), *_of_this_instance(root, text, judge.instance))
        return Outcome(PATH, text, (*plan.notes, *missing, *found))


def _of_this_instance(root: paths.Root, text: str, instance: facts.Facts) -> Iterator[str]:
    """Yield a note that names what the adopted `text` says of this instance only."""
    patch = yaml_reading.parse(text)
    _, found = instance_facts.split(patch, instance_facts.hosts_of(instance))
    if found:
        yield (
            f"true of this instance only: {', '.join(map(str, found))}. A restore on another instance leaves it out, "
            f"unless asked with --keep-config. Before you use {root.path(PATH)} in an image or on another host, "
            "remove these lines"
        )


def _without_conf(root: paths.Root, is_foreign: bool) -> errors.BootstrapError:
    if is_foreign:
        return errors.GenerationMissing(
            "this agent did not write this teleport.yaml, and there is no conf, so there is nothing to compare it with",
            hint=f"Write {paths.CONF} first: what teleport.yaml says beyond it becomes an override.",
        )
    return errors.ConfMissing(
        f"there is no {root.path(paths.CONF)}, without which no override has an effect",
        hint=f"Write {paths.CONF} first. Nothing was changed.",
    )


def _edited(root: paths.Root) -> _Edit:
    shown = root.path(paths.TELEPORT_YAML)
    try:
        # Followed, since Teleport does.
        content = regular_file.read(shown, follow_links=True)
    except OSError as error:
        remedy = error.remedy if isinstance(error, regular_file.Unusable) else "Run as root."
        raise errors.FileTrouble(f"{shown} cannot be read: {error.strerror}", hint=remedy) from None
    reading = yaml_reading.read_as_teleport(content)
    for problem in reading.problems:
        whose = f"this is a rule of teleport-bootstrap; {problem.hint}" if problem.own else "Teleport does not read it"
        raise errors.FileTrouble(
            f"{shown}:{problem.line}:{problem.column}: {problem.message}",
            hint=f"Correct it first, {_OTHERWISE} ({whose}).",
        )
    if reading.root is None or not isinstance(reading.root.value, dict):
        raise errors.FileTrouble(f"{shown} is not a mapping of keys to values", hint=f"Correct it first, {_OTHERWISE}.")
    return _Edit(shown, generations.digest(content), reading.root, adoption.meaning(reading.root.plain))


def _require_readable(root: paths.Root) -> None:
    """Raise FileTrouble where there is an earlier adoption that cannot be read: it would be overwritten."""
    earlier = trust.read(root, PATH)
    reading = yaml_reading.read(earlier or b"")
    if reading.problems or not (reading.root is None or isinstance(reading.root.value, dict)):
        raise errors.FileTrouble(
            f"{root.path(PATH)} from an earlier adoption cannot be read", hint="Correct or remove it first."
        )


def _judged(
    root: paths.Root, judge: _Judge, files: Sequence[overrides.Override], edit: _Edit
) -> tuple[plan_model.Plan, tuple[str, ...]]:
    """Return what `generate` would make of the edit; a finding about it names its line in teleport.yaml."""
    written = root.path(PATH)
    try:
        return generate.judged(root, *judge, files)
    except (errors.DocumentInvalid, errors.OverrideInvalid) as error:
        refused = errors.DocumentInvalid(adoption.at_edit(error.findings, written, edit.path, edit.root))
        refused.hint = f"Correct these lines, {_OTHERWISE}. Nothing was written."
        raise refused from None


def _require_effect(
    root: paths.Root, plan: plan_model.Plan, wanted: dict[str, Any], files: Sequence[overrides.Override]
) -> None:
    """Raise FileTrouble where an override that is merged later undoes the edit."""
    said = adoption.meaning(plan.document)
    if comparison.same(said, wanted):
        return
    later = [each.path for each in files if each.path > root.path(PATH)]
    raise errors.FileTrouble(
        f"{', '.join(later) or 'another override'}, which is merged after {root.path(PATH)}, says otherwise than the "
        "edit",
        hint="Make the edit there, or rename the file so that it is merged earlier. Nothing was written.",
    )


def _let_teleport_check(root: paths.Root, plan: plan_model.Plan, edit: _Edit) -> None:
    """Raise TeleportRefused where the installed Teleport refuses the result, which is staged and then dropped."""
    try:
        with Transaction(root) as trial:
            plan_files.stage_teleport_yaml(trial, plan.teleport_yaml, plan.tree)
    except errors.TeleportRefused as error:
        summary = error.message.split("\n", 1)[0]
        found = adoption.at_edit(error.findings, root.path(PATH), edit.path, edit.root)
        raise errors.TeleportRefused(summary, hint=error.hint, findings=found) from None
