"""`generate`: from the conf to files and units, all of it or none of it."""

from __future__ import annotations

import dataclasses
import logging
import os
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.apply import (
    current,
    gather,
    generations,
    held,
    needed,
    record,
    restored,
    secrets,
    session,
    units,
    waiting,
    write,
)
from teleport_bootstrap.conf import conf, variables
from teleport_bootstrap.host import accounts, root, systemd, trust
from teleport_bootstrap.plan import activation, model, overrides, planner, teleport_build
from teleport_bootstrap.secret import Secret

logger = logging.getLogger(__name__)

WRITTEN = "written"
KEPT = "kept"
HAND_CONFIGURED = "hand-configured"
RESTORING = "restoring"

# For SSM, and before that for credentials, where teleport-fetch-secrets.service goes on asking.
AWAITED_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """What generate did: what became of teleport.yaml, the paths that changed, what systemd was asked, and notes.

    `removed` are those of `changed` that are no longer there, `awaited` says what Teleport's unit waits for.
    """

    teleport_yaml: str
    unit: str | None = None
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()


def run(doors: gather.Doors, named: gather.NamedBuild) -> Outcome:
    """Bring the machine to what its conf says and return what was done.

    A teleport.yaml that is there is left alone, while markers, environment and units still follow the conf; without a
    conf nothing is touched. Raises ConfMissing where there is neither, and everything that reading, planning, fetching
    and writing raise: then nothing has changed.
    """
    where = doors.where
    with session.begin(where, "generate", deadline_seconds=doors.wait_seconds):
        given = gather.settings(where)
        exists = os.path.lexists(where.path(paths.TELEPORT_YAML))
        if given is None:
            return _without_conf(where, exists)
        if given.value(variables.DEBUG):
            logging.getLogger("teleport_bootstrap").setLevel(logging.DEBUG)
        for warning in given.warnings:
            logger.warning("%s", warning.describe(given.path))
        asked = restored.pending(where, given)
        if asked is not None:
            return _hand_over(where, asked)
        put_back = restored.put_conf_back(where, given)
        if put_back:
            given = gather.settings(where) or given
        notes = (*put_back, *restored.ignored(where, given))
        build = gather.build(where, named)
        outcome = _keep(doors, given, build) if exists else _write(doors, given, build)
        return dataclasses.replace(outcome, notes=(*outcome.notes, *notes))


def _hand_over(where: root.Root, asked: str) -> Outcome:
    """Leave everything to the restore, which may take longer than a boot waits; no Teleport starts before that."""
    if systemd.is_running(where) and systemd.is_installed(where, restored.RESTORE_SERVICE):
        systemd.start([restored.RESTORE_SERVICE])
        done = f"asked to start {restored.RESTORE_SERVICE}"
        awaited = (f"no Teleport starts before {asked} is restored: see `journalctl -b -u {restored.RESTORE_SERVICE}`",)
        return Outcome(RESTORING, units=(done,), awaited=awaited)
    return Outcome(
        RESTORING,
        awaited=(f"no Teleport starts before {asked} is restored: run `teleport-bootstrap restore`",),
    )


def _without_conf(where: root.Root, exists: bool) -> Outcome:
    if exists:
        return Outcome(
            HAND_CONFIGURED,
            notes=(
                f"{where.path(paths.TELEPORT_YAML)} is configured by hand: there is no {paths.CONF}, nothing to do",
            ),
        )
    raise errors.ConfMissing(
        f"there is no {where.path(paths.CONF)}, so nothing says what this instance should be",
        hint=f"Write {paths.CONF} in the instance's user-data; `teleport-bootstrap validate` checks one.",
    )


def _keep(doors: gather.Doors, given: conf.Conf, build: teleport_build.TeleportBuild) -> Outcome:
    """Apply all but teleport.yaml; needs no network unless a file is missing that Teleport cannot start without."""
    shown = doors.where.path(paths.TELEPORT_YAML)
    there = f"{shown} exists and is left as it is; remove it to have it made anew"
    staying = held.generation(doors.where)
    if staying is not None:
        # What is not followed need not be good for anything.
        generation, why = staying
        stay = (there, f"the conf is not followed until it is edited again: {why}")
        return _bring(doors.where, given, KEPT, write.Parts(generation, {}), stay)
    wanted = activation.plan(given, build)
    notes = [*wanted.notes, there]
    notes += _what_is_there(doors.where, wanted)
    values, failure = _missing_secrets(doors, given, wanted)
    return _bring(doors.where, given, KEPT, write.Parts(wanted, values), (*notes, *failure))


def _what_is_there(where: root.Root, wanted: model.Activation) -> list[str]:
    """Let Teleport's account read a file that somebody put there, and return notes on it."""
    shown, notes = where.path(paths.TELEPORT_YAML), []
    group = wanted.deployment.place.group
    if group != "root" and os.path.exists(shown) and trust.let_read(where, paths.TELEPORT_YAML, group):
        notes.append(f"{shown} is readable for group {group} now, as whom its unit runs Teleport")
    if os.path.exists(shown) and os.path.getsize(shown) == 0:
        notes.append(f"{shown} is empty, so that Teleport runs as it does without one: remove it to have it made")
    return notes


def _missing_secrets(
    doors: gather.Doors, given: conf.Conf, wanted: model.Activation
) -> tuple[dict[str, Secret], tuple[str, ...]]:
    values = secrets.from_conf(wanted.secrets, given)
    missing = [each for each in secrets.missing(doors.where, wanted.secrets) if not each.awaited and each.parameter]
    if not missing:
        return values, ()
    try:
        region = gather.region(given, doors)
        fetched = secrets.fetch(tuple(missing), region, wanted.deployment.fips, doors)
    except errors.BootstrapError as error:
        names = ", ".join(doors.where.path(each.path) for each in missing)
        return values, (f"{names} is missing, and could not be fetched: {error.message}. {error.hint}",)
    return {**values, **fetched.values}, fetched.notes


def _write(doors: gather.Doors, given: conf.Conf, build: teleport_build.TeleportBuild) -> Outcome:
    # What the conf alone decides is judged before anybody waits for the network.
    place = activation.plan(given, build).deployment.place
    units.require(doors.where, place.unit)
    accounts.ids(doors.where, place.user, place.group)
    files = gather.overrides(doors.where)
    overrides.check(files)
    instance = gather.instance(given, doors)
    plan = planner.plan(given, instance, build, files)
    missing = needed.require(doors.where, plan)
    wanted = plan.activation
    fetched = secrets.fetch(wanted.secrets, instance.region, wanted.deployment.fips, _patience(doors, wanted))
    values = {**secrets.from_conf(wanted.secrets, given), **fetched.values}
    generation = record.of(doors.where, plan, build, made_by="generate", reason="there was no teleport.yaml")
    parts = write.Parts(
        wanted,
        values,
        plan.teleport_yaml,
        instance,
        # Nobody waits for Teleport's health while an instance boots; whoever asks for it later can tell.
        current.Current(generation.number),
    )
    same = _as_it_was(doors.where, generation)
    if same is not None:
        parts = dataclasses.replace(parts, current=current.Current(same))
        return _bring(doors.where, given, WRITTEN, parts, (*plan.notes, *missing, *fetched.notes))
    generations.save(doors.where, generation)
    try:
        outcome = _bring(doors.where, given, WRITTEN, parts, (*plan.notes, *missing, *fetched.notes))
    finally:
        current.settle(doors.where)
    generations.prune(doors.where, current=generation.number)
    return outcome


def _patience(doors: gather.Doors, wanted: model.Activation) -> gather.Doors:
    """Return the doors to SSM: where the wait can go on elsewhere, neither boot nor configuration waits long for it."""
    if not waiting.is_somebody_fetching(doors.where) or not all(each.awaited for each in wanted.secrets):
        return doors
    return dataclasses.replace(doors, wait_seconds=min(doors.wait_seconds, AWAITED_SECONDS))


def _as_it_was(where: root.Root, generation: generations.Generation) -> int | None:
    """Return the number of the current generation where it says the same as this new one."""
    now = current.known(where)
    if now is None:
        return None
    try:
        kept = generations.load(where, now.generation)
    except errors.GenerationMissing:
        return None
    return kept.number if generations.says_the_same(kept, generation) else None


def _bring(where: root.Root, given: conf.Conf, what: str, parts: write.Parts, notes: tuple[str, ...]) -> Outcome:
    wanted = parts.wanted
    changed = write.apply(where, given, parts)
    done = units.apply(where, wanted.units, units_changed=write.units_changed(changed))
    waiting.have_fetched(where, wanted)
    awaited = waiting.describe(where, wanted)
    shown = tuple(path for path in changed if path not in write.BOOKKEEPING)
    removed = tuple(path for path in shown if path in wanted.absent)
    return Outcome(what, wanted.unit, shown, removed, done, notes, awaited)
