"""A change, the wait for Teleport's health, and what follows: the sequence of every command that changes a host."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from teleport_bootstrap import errors, log, paths, records
from teleport_bootstrap.change import (
    boot_service,
    handover,
    health,
    journal,
    needed_files,
    outdated,
    plan_files,
    session,
    units,
    way_back,
    web_answer,
)
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.host import clock, directory, systemd, teleport_process, termination
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import dataclass, field
from teleport_bootstrap.state import current, generations
from teleport_bootstrap.state.previous_state import UNDO, PreviousState

logger = log.Logger(__name__)

NOT_WAITED = "did not wait for Teleport's health: the boot, or user-data, is still under way, and its unit starts later"


@dataclass(frozen=True)
class Words:
    """How messages name the change and what was before it, and the hint for each end of a failed attempt.

    `again` is for a host on which the previous state was restored, `restore` for one on which that failed.
    """

    tried: str
    previous: str
    again: str
    restore: str


CONFIGURATION = Words(
    "the new configuration",
    "previous configuration",
    f"Correct {paths.CONF} and reconfigure again. Boots and `generate` keep the previous configuration until the conf "
    "is edited; `reconfigure` applies the conf as it is.",
    "Correct that, then `teleport-bootstrap reconfigure` returns to the last generation that was healthy.",
)


@dataclass(frozen=True)
class Change:
    """What is to be done to a host; `what` names it in the record of the previous state.

    `stage` adds everything to a transaction, given the states of the units before it, and returns the number of the
    generation that it has saved, None without a new one. `action` says how a running Teleport reads the change:
    units.RELOAD or units.RESTART. `stops` says that `stage` calls `swap_stopped`. `conf_sha256` is the digest of a conf
    that is not followed any more if Teleport is unhealthy with it. `is_restore` says that `restore --undo` undoes this;
    what a failed restore has brought is removed, also where a signal ends the wait. `transaction` is one that has been
    begun, to continue.
    """

    what: str
    wanted: plan_model.Applicable
    stage: Callable[[Transaction, units.States], int | None]
    action: str = units.RESTART
    words: Words = CONFIGURATION
    stops: bool = False
    conf_sha256: str | None = None
    is_restore: bool = False
    transaction: Transaction | None = None


@dataclass(frozen=True)
class Trial:
    """A change that is in place, not yet known to be healthy; `changed` are the paths of the files that changed.

    `process_id` is the previous Teleport, `generation` the number of a new generation, `before` the one before it.
    """

    change: Change
    previous: PreviousState
    changed: tuple[str, ...]
    process_id: int | None
    generation: int | None
    before: generations.Generation | None
    began: float = field(default_factory=clock.SYSTEM.wall)


@dataclass(frozen=True)
class Result:
    """A healthy change: the trial, what systemd was asked for, what was seen of Teleport, and notes."""

    trial: Trial
    units: tuple[UnitAction, ...]
    seen: str
    notes: tuple[str, ...] = ()


def run(
    root: paths.Root,
    change: Change,
    *,
    seconds: float,
    revert: Callable[[Trial, health.Verdict], errors.BootstrapError] | None = None,
) -> Result:
    """Make the `change`, wait until Teleport is healthy with it, and confirm it.

    Where Teleport is unhealthy, what was before is restored, or `revert` is called, and the error that says how that
    ended is raised: ChangeRolledBack or UnhealthyAfterRollback. Raises what `stage` raises, after which nothing has
    changed. Where a signal ends the wait, the change stays unconfirmed, unless it is a restore. systemd may take
    `seconds` to stop and start, and Teleport as long again.
    """
    try:
        trial = _carry_out(root, change)
    finally:
        current.settle(root)
    try:
        done, verdict = judge(root, trial, seconds=seconds)
    except BaseException:
        if change.is_restore:
            with termination.uninterrupted():
                _restore_after_signal(root, trial, seconds)
        raise
    with contextlib.suppress(errors.FileTrouble):
        journal.units_are_started(root)
    if not verdict.healthy:
        logger.warning("Teleport is unhealthy with %s: %s; going back", change.words.tried, verdict.seen)
        if trial.generation is not None:
            generations.withdraw(root, trial.generation)
        try:
            raise revert(trial, verdict) if revert else _revert(root, trial, verdict, seconds)
        finally:
            current.settle(root)
    if trial.previous.moved:
        units.start_other_timers(root, trial.previous.units, change.wanted.units)
    current.confirm(root)
    boot_service.settle(root)
    has_looked = bool(verdict.seen) and not verdict.pending
    note = web_answer.of_host(root)[1] if has_looked else ""
    notes = (*([NOT_WAITED] if verdict.not_waited else []), *([note] if note else []))
    return Result(trial, done, verdict.seen, notes)


def _restore_after_signal(root: paths.Root, trial: Trial, seconds: float) -> None:
    try:
        if trial.generation is not None:
            generations.withdraw(root, trial.generation)
        way_back.restore_previous(root, trial.previous, seconds=seconds, discard=True, wait=False)
    except errors.BootstrapError as error:
        logger.warning("the %s could not be restored: %s", trial.change.words.previous, error.message)


def _carry_out(root: paths.Root, change: Change) -> Trial:
    before = current.known_generation(root, current.FILE.read_or_warn(root))
    is_reload = change.action == units.RELOAD
    process_id = handover.in_charge_when_reloadable(root) if is_reload else teleport_process.in_charge(root)
    states = units.remember(root, change.wanted.units, also=units.WRITERS if change.stops else ())
    try:
        with change.transaction or Transaction(root) as transaction:
            generation = change.stage(transaction, states)
            previous = transaction.previous(change.what, states)
            if change.is_restore:
                # What was there to be undone is not part of that record, which would grow with every restore.
                with errors.file_trouble_at(root.path(paths.RESTORE_UNDO)):
                    earlier = directory.read(root, paths.RESTORE_UNDO)
                transaction.write_state(
                    UNDO, records.replace(previous, outdated=outdated.replaced_paths(UNDO.read(root)))
                )
                previous = records.replace(previous, files={**previous.files, paths.RESTORE_UNDO: earlier})
            changed = transaction.commit(start=[change.wanted.unit])
    except BaseException:
        if change.stops:
            session.start_stopped(root)
        raise
    return Trial(change, previous, changed, process_id, generation, before)


def judge(root: paths.Root, trial: Trial, *, seconds: float) -> tuple[tuple[UnitAction, ...], health.Verdict]:
    """Ask systemd for what `trial` needs; return what was done, and whether Teleport is healthy then.

    Raises nothing but signals: every other failure is a reason to go back.
    """
    done: list[UnitAction] = []
    try:
        verdict = _judge(root, trial, seconds, done)
    except errors.BootstrapError as error:
        verdict = health.Verdict(False, error.message)
    except Exception as error:
        logger.debug("unexpected", exc_info=True)
        verdict = health.Verdict(False, f"internal error: {type(error).__name__}")
    return tuple(done), verdict


def _judge(root: paths.Root, trial: Trial, seconds: float, done: list[UnitAction]) -> health.Verdict:
    wanted = trial.change.wanted
    done += units.apply(root, wanted.units, units_changed=plan_files.units_changed(trial.changed), stop_seconds=seconds)
    if not systemd.is_running(root):
        return health.Verdict(True, "")
    needed_files.fetch_missing(root, wanted)
    waits = not systemd.is_boot_under_way()
    # Where its data was moved away it was stopped for that, and has just been started.
    before = systemd.State() if trial.previous.moved else trial.previous.units.get(wanted.unit, systemd.State())
    main, predecessor = units.main_unit(
        root,
        wanted.unit,
        before=before,
        action=trial.change.action,
        process_id=trial.process_id,
        wait=waits,
        seconds=seconds,
    )
    done += main
    if not waits:
        return health.Verdict(True, "", not_waited=True)
    return health.wait(root, health.subject(root, wanted.unit, wanted, successor_of=predecessor), seconds=seconds)


def reason(root: paths.Root, trial: Trial, verdict: health.Verdict) -> tuple[str, ...]:
    """Return why a trial failed, in a line, and the last lines of its unit in the journal, without secrets."""
    unit, before = trial.change.wanted.unit, trial.before
    secret_paths = {each.path for each in (*trial.change.wanted.secrets, *(before.secrets if before else ()))}
    also = [found.content for path, found in trial.previous.files.items() if found and path in secret_paths]
    lines = health.last_lines(root, unit, since=trial.began, secret_paths=secret_paths, also=also)
    shown = (f"{unit}: {line}" for line in lines.split("\n") if line)
    return (f"Teleport did not become healthy with {trial.change.words.tried}: {verdict.seen}", *shown)


def _revert(root: paths.Root, trial: Trial, verdict: health.Verdict, seconds: float) -> errors.BootstrapError:
    """Restore what was before `trial`, wait for its health, and return the error that says how that ended."""
    change, previous, rejected = trial.change, trial.previous, None
    (why, *said), words = reason(root, trial, verdict), change.words
    if change.conf_sha256 is not None and trial.before is not None:
        rejected = (change.conf_sha256, f"Teleport did not become healthy with it: {verdict.seen}")
    try:
        _, now = way_back.restore_previous(
            root, previous, seconds=seconds, process_id=trial.process_id, rejected=rejected, discard=change.is_restore
        )
    except errors.BootstrapError as error:
        return errors.UnhealthyAfterRollback(
            why, lines=[*said, f"The {words.previous} could not be restored: {error.message}"], hint=words.restore
        )
    unit = units.running(previous.units)
    if not now.healthy:
        log = f"`journalctl -b -u {unit or change.wanted.unit}`"
        return errors.UnhealthyAfterRollback(
            why,
            lines=[
                *said,
                f"The {words.previous} was restored, but {unit or 'systemd'} is unhealthy with it too: {now.seen}",
            ],
            hint=f"Look at {log}; the cause may be unrelated to the change.",
        )
    healthy = f"and {unit} is healthy with it" if unit else "and no Teleport runs, as before"
    return errors.ChangeRolledBack(
        why, lines=[*said, f"The {words.previous} was restored, {healthy}"], hint=words.again
    )
