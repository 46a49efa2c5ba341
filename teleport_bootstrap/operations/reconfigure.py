"""`reconfigure`: apply an edited conf, and keep it only if Teleport is healthy with it."""

from __future__ import annotations

import os
from collections.abc import Callable

from teleport_bootstrap import errors, log, paths, records
from teleport_bootstrap.change import (
    attempt,
    boot_service,
    directory_swap,
    health,
    needed_files,
    plan_files,
    session,
    units,
    way_back,
)
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.host import directory
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import reconfigure_proposal, rollback
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import current, generations, manual_edits

logger = log.Logger(__name__)

UNCHANGED = "unchanged"
# By an operator, and with --dry-run.
DECLINED = "declined"
PROPOSED = "proposed"
APPLIED = "applied"

RECORDED = "the edited conf asks for nothing else: it is recorded as applied"


RESUMED = "an interrupted change was completed"


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for besides the conf.

    With `rehearse`, what would be refused while it is applied is refused before `agreed` is called: where an operator
    is asked, or only looks.
    """

    discard_edits: bool = False
    reset_data: bool = False
    dry_run: bool = False
    rehearse: bool = False
    health_seconds: float = health.DEADLINE_SECONDS


@dataclass(frozen=True)
class Outcome:
    """One of the words above, the current generation, what changed and was done, and Teleport's health.

    `pending` is what Teleport's unit waits for, so that no Teleport runs yet.
    """

    result: str
    generation: int | None = None
    changed: tuple[str, ...] = ()
    units: tuple[UnitAction, ...] = ()
    health: str = ""
    notes: tuple[str, ...] = ()
    pending: tuple[needed_files.Pending, ...] = ()


def run(
    doors: gather.Doors,
    named: gather.NamedBuild,
    wishes: Wishes,
    agreed: Callable[[reconfigure_proposal.Proposal], bool],
) -> Outcome:
    """Bring this machine to what its conf says, and keep that if Teleport is healthy with it.

    `agreed` shows the proposal and says whether to go on; it is called once, when something would change. Raises
    ManualEdit where a manual edit would be lost; ChangeRolledBack where Teleport was unhealthy and the previous
    configuration was restored, UnhealthyAfterRollback where it is unhealthy with that too; and everything that reading,
    planning and writing raise, after which nothing has changed.
    """
    root = doors.root
    with session.begin(root, "reconfigure", deadline_seconds=doors.wait_seconds):
        if not wishes.dry_run:
            session.require_room(root)
        proposed = reconfigure_proposal.make(doors, named, discard_edits=wishes.discard_edits)
        unfinished = proposed.now is not None and not proposed.now.confirmed
        if proposed.edits and not wishes.discard_edits:
            raise manual_edits.refusal(root, "reconfigure", proposed.edits)
        if not proposed.changes_something and not unfinished and not wishes.reset_data:
            # Even if the conf was edited, it asks for what is there.
            news = not wishes.dry_run and current.record_as_applied(root, proposed.conf)
            # What the conf alone means was said when it was applied, and `validate` says it again.
            known = set(map(str, proposed.plan.notes))
            notes = (*(each for each in proposed.notes if str(each) not in known), *((RECORDED,) if news else ()))
            if not wishes.dry_run:
                boot_service.settle(root)
            return Outcome(UNCHANGED, _number(proposed), notes=notes)
        if wishes.reset_data:
            _require_resettable(root, proposed)
        if wishes.dry_run or wishes.rehearse:
            plan_files.rehearse(root, _parts(proposed))
        if not agreed(proposed) or wishes.dry_run:
            return Outcome(PROPOSED if wishes.dry_run else DECLINED, _number(proposed), notes=proposed.notes)
        if unfinished and not proposed.changes_something and not wishes.reset_data:
            return _resume(doors, proposed, wishes)
        return _carry_out(root, proposed, wishes)


def _number(proposed: reconfigure_proposal.Proposal) -> int | None:
    """Return the generation that is current."""
    return proposed.now.generation if proposed.now else None


def _parts(proposed: reconfigure_proposal.Proposal, state: current.Current | None = None) -> plan_files.Parts:
    plan = proposed.plan
    values = proposed.fetched.values
    return plan_files.Parts(plan.activation, values, plan.teleport_yaml, proposed.instance, state, plan.tree)


def _carry_out(root: paths.Root, proposed: reconfigure_proposal.Proposal, wishes: Wishes) -> Outcome:
    plan, seconds = proposed.plan, wishes.health_seconds
    wanted = plan.activation
    made = generations.make(root, plan, proposed.build, made_by="reconfigure", reason="the conf asks for it")
    # Of the conf that was planned: it may have been edited while the operator was asked.
    conf = proposed.conf
    generation = records.replace(made, conf_sha256=conf.sha256, conf_meaning_sha256=conf.meaning_sha256)

    def stage(transaction: Transaction, states: units.States) -> int:
        aside = _reset_data(root, transaction, states, seconds) if wishes.reset_data else None
        generations.save(root, generation)
        now = proposed.now
        last = None if now is None else now.generation if now.confirmed else now.previous
        # Where the last confirmed generation has its data, if an unconfirmed --reset-data came in between.
        aside = now.data_aside or aside if now is not None else aside
        state = current.Current(generation.number, confirmed=False, previous=last, data_aside=aside)
        plan_files.stage(transaction, proposed.conf, _parts(proposed, state))
        return generation.number

    change = attempt.Change(
        f"generation {generation.number}",
        wanted,
        stage,
        action=proposed.action,
        stops=wishes.reset_data,
        conf_sha256=generation.conf_sha256,
    )
    done = attempt.run(root, change, seconds=seconds)
    aside = tuple(f"the old data is kept in {root.path(each.kept)}" for each in done.trial.previous.moved if each.had)
    notes = (*proposed.notes, *aside, *done.notes)
    changed = plan_files.without_bookkeeping(done.trial.changed)
    pending = needed_files.describe_pending(root, wanted)
    return Outcome(APPLIED, generation.number, changed, done.units, done.seen, notes, pending)


def _resume(doors: gather.Doors, proposed: reconfigure_proposal.Proposal, wishes: Wishes) -> Outcome:
    """Finish an interrupted change: its files are in place, and Teleport has not been seen healthy with them."""
    root, now, seconds = doors.root, proposed.now, wishes.health_seconds
    assert now is not None  # noqa: S101 - an unfinished change has a state

    def revert(trial: attempt.Trial, verdict: health.Verdict) -> errors.BootstrapError:
        reason, *said = attempt.reason(root, trial, verdict)
        why = f"An interrupted change was completed. {reason}"
        if now.previous is None:
            return errors.UnhealthyAfterRollback(why, lines=said, hint=_without_earlier(root))
        try:
            target = generations.load(root, now.previous)
        except errors.GenerationMissing as error:
            return errors.UnhealthyAfterRollback(why, lines=[*said, error.message], hint=_without_earlier(root))
        rollback.carry_out(doors, target, now, seconds)
        return errors.ChangeRolledBack(
            why,
            lines=[*said, f"Generation {target.number} was restored, and {target.unit} is healthy with it"],
            hint=attempt.CONFIGURATION.again,
        )

    # Whether Teleport has read the files is unknown: it is restarted.
    change = attempt.Change("an interrupted change", proposed.plan.activation, lambda *_: now.generation)
    done = attempt.run(root, change, seconds=seconds, revert=revert)
    pending = needed_files.describe_pending(root, proposed.plan.activation)
    notes = (RESUMED, *proposed.notes, *done.notes)
    return Outcome(APPLIED, now.generation, (), done.units, done.seen, notes, pending)


def _without_earlier(root: paths.Root) -> str:
    if os.path.lexists(root.path(paths.RESTORE_UNDO)):
        return (
            "It was a restore: `teleport-bootstrap restore --undo` restores what was here before it; or correct "
            f"{paths.CONF} and reconfigure again."
        )
    return f"There is no earlier generation to return to. Correct {paths.CONF} and reconfigure again."


def _require_resettable(root: paths.Root, proposed: reconfigure_proposal.Proposal) -> None:
    """Raise FileTrouble where the data directory cannot be replaced by an empty one."""
    missing = [
        each.path
        for each in proposed.plan.activation.secrets
        if not each.may_be_pending and each.path not in proposed.fetched.values
    ]
    if missing:
        raise errors.FileTrouble(
            f"{', '.join(missing)} would be lost with the data, and could not be fetched again",
            hint="Try again when SSM answers. Nothing was changed.",
        )
    data = root.path(paths.DATA)
    if directory.is_mount_point(data):
        raise errors.FileTrouble(
            f"{data} cannot be renamed: a mount point cannot be set aside",
            hint="Stop Teleport and empty the directory yourself. Nothing was changed.",
        )


def _reset_data(root: paths.Root, transaction: Transaction, states: units.States, seconds: float) -> str | None:
    """Put an empty directory in the place of Teleport's data, and return where the data is; None where there is none.

    Teleport is stopped for it; nothing is deleted.
    """
    if not os.path.isdir(root.path(paths.DATA)):
        return None
    stamp = directory_swap.stamp(root, [paths.DATA])
    staged = directory_swap.place(root, paths.DATA, directory_swap.NEW, stamp, private=True)
    aside = directory_swap.place(root, paths.DATA, directory_swap.RESET, stamp)
    transaction.reserve([directory_swap.container(staged)])
    directory_swap.make_room(root, staged)
    with errors.file_trouble_at(root.path(staged)):
        os.mkdir(root.path(staged), mode=0o700)
    swap = directory_swap.prepared(root, paths.DATA, staged, aside)
    way_back.swap_stopped(transaction, [swap], states, seconds=seconds)
    return aside
