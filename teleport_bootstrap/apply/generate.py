"""`generate`: from the conf to files and units, all of it or none of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.apply import gather, last_known, secrets, units
from teleport_bootstrap.conf import conf
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import changeset, lock, root, teleport, trust
from teleport_bootstrap.plan import activation, model, planner, teleport_build

logger = logging.getLogger(__name__)

WRITTEN = "written"
KEPT = "kept"
HAND_CONFIGURED = "hand-configured"


@dataclass(frozen=True)
class Outcome:
    """What generate did: what became of teleport.yaml, the paths that changed, what systemd was asked, and notes."""

    teleport_yaml: str
    unit: str | None = None
    changed: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def run(doors: gather.Doors, named: gather.NamedBuild) -> Outcome:
    """Bring the machine to what its conf says and return what was done.

    A teleport.yaml that is there is left alone, while markers, environment and units still follow the conf; without a
    conf nothing is touched. Raises ConfMissing where there is neither, and everything that reading, planning, fetching
    and writing raise: then nothing has changed.
    """
    where = doors.where
    with lock.held(where, "generate", deadline_seconds=doors.wait_seconds):
        given = gather.settings(where)
        exists = os.path.lexists(where.path(paths.TELEPORT_YAML))
        if given is None:
            return _without_conf(where, exists)
        for warning in given.warnings:
            logger.warning("%s", warning.describe(given.path))
        build = gather.build(where, named)
        if exists:
            return _keep(doors, given, activation.plan(given, build))
        return _write(doors, given, build)


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


def _keep(doors: gather.Doors, given: conf.Conf, wanted: model.Activation) -> Outcome:
    """Apply all but teleport.yaml; needs no network unless a secret file is missing."""
    shown = doors.where.path(paths.TELEPORT_YAML)
    notes = [f"{shown} exists and is left as it is; remove it to have it made anew"]
    fetched, failure = _missing_secrets(doors, given, wanted)
    notes += failure
    changed, done = _apply(doors.where, given, wanted, fetched, None, None)
    return Outcome(KEPT, wanted.deployment.place.unit, changed, done, (*wanted.notes, *notes))


def _missing_secrets(
    doors: gather.Doors, given: conf.Conf, wanted: model.Activation
) -> tuple[secrets.Fetched, list[str]]:
    missing = tuple(each for each in wanted.secrets if not secrets.is_present(doors.where, each.path))
    if not missing:
        return secrets.Fetched({}), []
    try:
        region = gather.instance(given, doors).region
        return secrets.fetch(missing, given, region, wanted.deployment.fips, doors), []
    except errors.BootstrapError as error:
        names = ", ".join(each.path for each in missing)
        return secrets.Fetched({}), [f"{names} is missing, and could not be fetched: {error.message}. {error.hint}"]


def _write(doors: gather.Doors, given: conf.Conf, build: teleport_build.TeleportBuild) -> Outcome:
    # What the conf alone decides is judged before anybody waits for the network.
    activation.plan(given, build)
    instance = gather.instance(given, doors)
    plan = planner.plan(given, instance, build)
    wanted = plan.activation
    units.require(doors.where, wanted.deployment.place.unit)
    fetched = secrets.fetch(wanted.secrets, given, instance.region, wanted.deployment.fips, doors)
    changed, done = _apply(doors.where, given, wanted, fetched, plan, instance)
    return Outcome(WRITTEN, wanted.deployment.place.unit, changed, done, (*plan.notes, *fetched.notes))


def _apply(  # noqa: PLR0917 - the parts of a plan, some of which are absent
    where: root.Root,
    given: conf.Conf,
    wanted: model.Activation,
    fetched: secrets.Fetched,
    plan: model.Plan | None,
    instance: facts.Facts | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with changeset.Changeset(where) as changes:
        changes.sweep(*_directories(wanted, plan))
        for each in wanted.directories:
            changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
        secrets.stage(changes, wanted.secrets, fetched)
        if instance is not None:
            last_known.stage(changes, last_known.of(instance))
        if given.holds_secret:
            trust.make_private(where, paths.CONF)
        for planned in wanted.files:
            _stage(changes, planned)
        for path in wanted.absent:
            changes.remove(path)
        if plan is not None:
            # Last: that it is there is what tells the next run that the rest is too.
            _stage(changes, plan.teleport_yaml)
            _ask_teleport(where, changes)
        changed = changes.commit()
    for path in changed:
        logger.info("changed %s", where.path(path))
    units_changed = any(path.startswith("/etc/systemd/") for path in changed)
    return changed, units.apply(where, wanted.units, units_changed=units_changed)


def _directories(wanted: model.Activation, plan: model.Plan | None) -> Iterable[str]:
    written = [planned.path for planned in (*wanted.files, *((plan.teleport_yaml,) if plan else ()))]
    return dict.fromkeys(os.path.dirname(path) for path in (*written, *(each.path for each in wanted.secrets)))


def _stage(changes: changeset.Changeset, planned: model.PlannedFile) -> None:
    changes.write(planned.path, planned.content.encode(), mode=planned.mode, owner=planned.owner, group=planned.group)


def _ask_teleport(where: root.Root, changes: changeset.Changeset) -> None:
    """Let the installed Teleport judge the staged file, where there is one of each."""
    staged = changes.staged_path(paths.TELEPORT_YAML)
    binary = teleport.find(where)
    if staged is not None and binary is not None:
        teleport.check(binary, staged, where.path(paths.TELEPORT_YAML))
