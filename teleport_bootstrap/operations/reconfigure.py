"""`reconfigure`: from an edited conf to a Teleport that is well with it, or back to where it was."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import attempt, changeset, data_reset, health, plan_files, revert, session, units
from teleport_bootstrap.host import systemd
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import reconfigure_proposal, rollback
from teleport_bootstrap.state import current, generations, manual_edits, new_generation

logger = logging.getLogger(__name__)

UNCHANGED = "unchanged"
DECLINED = "declined"
APPLIED = "applied"


@dataclass(frozen=True)
class Wishes:
    """What the person asked for beside the conf."""

    discard_edits: bool = False
    reset_data: bool = False
    dry_run: bool = False
    health_seconds: float = health.DEADLINE_SECONDS


@dataclass(frozen=True)
class Outcome:
    """What became of it: one of the words above, the generation that is current now, what was done, what was seen."""

    result: str
    generation: int | None = None
    changed: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    health: str = ""
    notes: tuple[str, ...] = ()


def run(
    doors: gather.Doors,
    named: gather.NamedBuild,
    wishes: Wishes,
    agreed: Callable[[reconfigure_proposal.Proposal], bool],
) -> Outcome:
    """Bring this machine to what its conf says, and see that Teleport is well with it.

    `agreed` shows the proposal and says whether to go on; it is asked once, when something would change. Raises
    ManualEdit where a person's edits would be lost; ChangeRolledBack where Teleport was not well and the old state is
    back, UnhealthyAfterRollback where it is not well with that either; and everything that reading, planning and
    writing raise, after which nothing has changed.
    """
    root = doors.root
    with session.begin(root, "reconfigure", deadline_seconds=doors.wait_seconds):
        proposed = reconfigure_proposal.make(doors, named)
        unfinished = proposed.now is not None and not proposed.now.confirmed
        if proposed.edits and not wishes.discard_edits:
            raise manual_edits.refusal(root, "reconfigure", proposed.edits)
        if not proposed.changes_something and not unfinished and not wishes.reset_data:
            return Outcome(UNCHANGED, proposed.now.generation if proposed.now else None, notes=proposed.notes)
        if not agreed(proposed) or wishes.dry_run:
            return Outcome(DECLINED, notes=proposed.notes)
        if unfinished and not proposed.changes_something and not wishes.reset_data:
            return _resume(doors, proposed, wishes)
        return _carry_out(root, proposed, wishes)


def _carry_out(root: paths.Root, proposed: reconfigure_proposal.Proposal, wishes: Wishes) -> Outcome:
    plan = proposed.plan
    wanted = plan.activation
    generation = new_generation.of(root, plan, proposed.build, made_by="reconfigure", reason="the conf asks for it")
    state = current.Current(generation.number, confirmed=False, previous=_confirmed(proposed.now))
    parts = plan_files.Parts(wanted, proposed.fetched.values, plan.teleport_yaml, proposed.instance, state)
    stood = units.remember(root, [wanted.units])
    aside = None
    try:
        if wishes.reset_data:
            aside = _put_aside(root, proposed, stood)
            parts = dataclasses.replace(parts, current=dataclasses.replace(state, data_aside=aside))
        generations.save(root, generation)
        with changeset.Changeset(root) as changes:
            plan_files.stage(changes, root, proposed.conf, parts)
            data_reset.stage(changes)
            before = revert.remember(root, changes, wanted, proposed.generation, stood=stood, aside=aside)
            changed = changes.commit()
    except BaseException:
        current.settle(root)
        if wishes.reset_data:
            data_reset.put_back(root, aside)
            with contextlib.suppress(errors.UnitTrouble):
                units.apply(root, units.as_remembered(stood), units_changed=False)
        raise
    generations.publish(root, generation.number)
    done, seen = _try(root, proposed, before, wishes, changed)
    if not seen.well:
        generations.withdraw(root, generation.number)
        held = _held(proposed, generation.conf_sha256, seen)
        told = revert.back(root, before, seen, held, health_seconds=wishes.health_seconds)
        current.settle(root)
        raise told
    current.FILE.write(root, current.Current(generation.number))
    logger.info("generation %d is applied", generation.number)
    generations.prune(root, current=generation.number)
    notes = (*proposed.notes, *((f"the old data is kept in {root.path(aside)}",) if aside else ()))
    shown = tuple(path for path in changed if path not in plan_files.BOOKKEEPING)
    return Outcome(APPLIED, generation.number, shown, done, seen.seen, notes)


def _confirmed(now: current.Current | None) -> int | None:
    if now is None:
        return None
    return now.generation if now.confirmed else now.previous


def _resume(doors: gather.Doors, proposed: reconfigure_proposal.Proposal, wishes: Wishes) -> Outcome:
    """Finish what an interrupted run has begun: its files are there, and nobody has seen Teleport well with them."""
    now = proposed.now
    assert now is not None  # noqa: S101 - what is unfinished has a state
    wanted = proposed.plan.activation
    before = revert.only_units(doors.root, wanted)
    done, seen = _try(doors.root, proposed, before, wishes)
    if seen.well:
        current.FILE.write(doors.root, dataclasses.replace(now, confirmed=True, previous=None, data_aside=None))
        generations.prune(doors.root, current=now.generation)
        return Outcome(APPLIED, now.generation, (), done, seen.seen, proposed.notes)
    if now.previous is None:
        raise errors.UnhealthyAfterRollback(
            f"an interrupted change is complete, but Teleport is not well with it: {seen.seen}"
            + revert.last_words(doors.root, before),
            hint=_without_earlier(doors.root),
        )
    words = revert.last_words(doors.root, before)
    target = generations.load(doors.root, now.previous)
    if now.data_aside is not None:
        systemd.stop_by_force([wanted.unit], seconds=wishes.health_seconds)
        data_reset.put_back(doors.root, now.data_aside)
    generations.withdraw(doors.root, now.generation)
    try:
        rollback.carry_out(doors, target, now, wishes.health_seconds)
    finally:
        current.settle(doors.root)
    raise errors.ChangeRolledBack(
        f"an interrupted change was completed, but Teleport was not well with it: {seen.seen}{words}\n"
        f"Generation {target.number} is back, and {target.unit} is well with it",
        hint=f"Mend {paths.CONF} and reconfigure again; until it is edited, this machine does not follow it.",
    )


def _without_earlier(root: paths.Root) -> str:
    if os.path.lexists(root.path(paths.RESTORE_UNDO)):
        return (
            "It was a restore: `teleport-bootstrap restore --undo` puts back what was here before it; or mend "
            f"{paths.CONF} and reconfigure again."
        )
    return f"There is no earlier generation to go back to. Mend {paths.CONF} and reconfigure again."


def _put_aside(
    root: paths.Root, proposed: reconfigure_proposal.Proposal, stood: Mapping[str, systemd.State]
) -> str | None:
    missing = [
        each.path
        for each in proposed.plan.activation.secrets
        if not each.may_be_pending and each.path not in proposed.fetched.values
    ]
    if missing:
        raise errors.FileTrouble(
            f"{', '.join(missing)} would be gone with the data, and could not be fetched anew",
            hint="Try again when SSM answers. Nothing was changed.",
        )
    return data_reset.put_aside(root, revert.running(stood))


def _held(
    proposed: reconfigure_proposal.Proposal, refused_conf: str | None, seen: health.Verdict
) -> current.Current | None:
    """Return what the machine's state is again: the old generation, and a conf that is not to be followed."""
    if proposed.generation is None:
        return None
    return current.Current(
        proposed.generation.number, True, refused_conf, f"Teleport was not well with it: {seen.seen}"
    )


def _try(
    root: paths.Root,
    proposed: reconfigure_proposal.Proposal,
    before: revert.Before,
    wishes: Wishes,
    changed: tuple[str, ...] | None = None,
) -> tuple[tuple[str, ...], health.Verdict]:
    """Try what was `changed`, or what an interrupted run has changed: whether Teleport has read that, nobody knows."""
    wanted = proposed.plan.activation
    watched = health.Subject(wanted.unit, proposed.plan.document, wanted.deployment.plain_http, wanted)
    action = units.RESTART if changed is None else proposed.action
    return attempt.run(
        root,
        attempt.Trial(wanted, watched, before, changed or (), action),
        seconds=wishes.health_seconds,
    )
