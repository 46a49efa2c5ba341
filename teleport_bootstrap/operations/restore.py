"""`restore`: put an archive in place, and keep it only if Teleport is healthy with it; undo that later."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface, verify
from teleport_bootstrap.backup.stores import destination, newest
from teleport_bootstrap.change import attempt, directory_swap, health, outdated, plan_files, session, units
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.host import accounts, clock, directory, termination
from teleport_bootstrap.instance import gather
from teleport_bootstrap.restore import archive_configuration, proposal, stage, this_host
from teleport_bootstrap.state import current, generations, restore_record
from teleport_bootstrap.state.previous_state import UNDO, PreviousState

logger = logging.getLogger(__name__)

RESTORED = "restored"
# By an operator, and with --dry-run.
DECLINED = "declined"
PROPOSED = "proposed"
NOTHING = "nothing"
UNDONE = "undone"
DISCARDED = "discarded"

# Beyond the free space, so that the message on an archive that is too large can show figures.
_BEYOND_FREE = 1024 * 1024 * 1024

# `progress(what, bytes)` gives a context manager for a step that goes through so many bytes, None where unknown.
Progress = Callable[[str, "int | None"], contextlib.AbstractContextManager["interface.Progress | None"]]


@dataclass(frozen=True)
class Outcome:
    """How `restore` ended, one of the words above, and what was done; `kept` is where old directories are.

    `archive` is what the restore was made from, for an undo or a discard in words.
    """

    result: str
    archive: str | None = None
    generation: int | None = None
    units: tuple[UnitAction, ...] = ()
    health: str = ""
    kept: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for: the archive, or with None what the conf asks for and was not restored yet.

    Where neither names one, the newest archive of the place `kept_in` is restored if there is an operator to ask, which
    `may_offer` says; None is the usual place, and with it comes the account that must own a bucket.
    """

    source: str | None
    proposal: proposal.Wishes
    kept_in: Callable[[], tuple[str | None, str | None]] = lambda: (None, None)
    may_offer: bool = False
    dry_run: bool = False
    rehearse: bool = False
    expected_owner: str | None = None
    health_seconds: float = health.DEADLINE_SECONDS


def run(
    doors: gather.Doors,
    named: gather.NamedBuild,
    wishes: Wishes,
    agreed: Callable[[proposal.Proposal], bool],
    progress: Progress,
) -> Outcome:
    """Restore an archive, and keep it if Teleport is healthy with it.

    `agreed` shows the proposal and says whether to go on. Raises BackupMissing; ArchiveDamaged, ArchiveUnsafe and
    ArchiveUnknown; RestoreRefused, ManualEdit and what else speaks against it, by when nothing has changed;
    ChangeRolledBack and UnhealthyAfterRollback; and what writing raises, after which everything is as it was.
    """
    root = doors.root
    with session.begin(root, "restore", deadline_seconds=doors.wait_seconds), termination.as_exception():
        conf = gather.conf(root)
        asked = restore_record.pending(root, conf)
        text = wishes.source or asked
        if text is not None:
            source = _find(text, doors, conf, expected_owner=wishes.expected_owner)
        elif conf is not None and (notes := restore_record.ignored(doors.root, conf)):
            return Outcome(NOTHING, notes=notes)
        else:
            source = _offered(doors, conf, wishes)
        limits = interface.Limits().with_room(this_host.free_bytes(root) + _BEYOND_FREE)
        with progress(f"verifying {source.name}", source.size) as told:
            verified = verify.verify(source, limits=limits, progress=told, keep=archive_configuration.KeepFilter())
        with verified:
            logger.info("%s is whole: %d files", source.name, verified.totals.files)
            proposed = proposal.make(doors, named, wishes.proposal, verified)
            if wishes.dry_run or wishes.rehearse:
                _rehearse(root, proposed)
            if not agreed(proposed) or wishes.dry_run:
                return Outcome(PROPOSED if wishes.dry_run else DECLINED, source.name, notes=proposed.notes)
            with progress(f"unpacking {source.name}", source.size) as told:
                return _carry_out(
                    doors, source, proposed, asked=asked, health_seconds=wishes.health_seconds, progress=told
                )


def _rehearse(root: paths.Root, proposed: proposal.Proposal) -> None:
    """Stage what is written outside of the directories that are replaced, and drop it.

    Raises what the restore itself would raise, which stops Teleport before it stages these files.
    """

    def is_outside(path: str) -> bool:
        return not any(path == each or path.startswith(f"{each}/") for each in proposed.trees)

    wanted = proposed.applicable
    outside = dataclasses.replace(
        wanted,
        files=tuple(each for each in wanted.files if is_outside(each.path)),
        absent=tuple(filter(is_outside, wanted.absent)),
        directories=tuple(each for each in wanted.directories if is_outside(each.path)),
        secrets=tuple(each for each in wanted.secrets if is_outside(each.path)),
    )
    accounts.ids(root, *proposed.account)
    with Transaction(root) as trial:
        _stage_configuration(trial, proposed, is_outside)
        # The installed Teleport has checked teleport.yaml by now.
        plan_files.stage_files(trial, plan_files.Parts(outside, proposed.fetched.values))
        trial.previous("a rehearsal", {})


def _carry_out(
    doors: gather.Doors,
    source: interface.Source,
    proposed: proposal.Proposal,
    *,
    asked: str | None,
    health_seconds: float,
    progress: interface.Progress | None,
) -> Outcome:
    """Put the archive in place and keep it if Teleport is healthy; `asked` is the conf's TELEPORT_RESTORE_FROM.

    Raises ChangeRolledBack where Teleport was unhealthy and everything was restored, UnhealthyAfterRollback where it is
    unhealthy with that too, and what staging and writing raise, after which nothing has changed.
    """
    root = doors.root
    notes: list[str] = []

    def put(transaction: Transaction, states: units.States) -> int | None:
        swaps, found = stage.stage(transaction, source, proposed, progress)
        notes.extend(found)
        attempt.swap_stopped(transaction, swaps, states, seconds=health_seconds)
        return _write(transaction, proposed, swaps, asked)

    unit = proposed.applicable.unit
    change = attempt.Change(
        f"the restore of {proposed.origin.name}",
        proposed.applicable,
        put,
        words=attempt.Words(
            "what was restored",
            "previous state",
            f"The archive is intact: find out why {unit} fails with it (`journalctl -b -u {unit}`), then "
            "restore again.",
            "Correct that, then `teleport-bootstrap restore --undo` restores it.",
        ),
        stops=True,
        is_restore=True,
    )
    done = attempt.run(root, change, seconds=health_seconds)
    notes.extend(outdated.remove(root))
    logger.info("%s is restored", source.name)
    previous = done.trial.previous
    kept = tuple(root.path(each.kept) for each in previous.moved if each.had)
    return Outcome(
        RESTORED,
        source.name,
        done.trial.generation,
        done.units,
        done.seen,
        kept,
        notes=(*proposed.notes, *notes, *done.notes),
    )


def _write(
    transaction: Transaction, proposed: proposal.Proposal, swaps: tuple[directory_swap.Swap, ...], asked: str | None
) -> int | None:
    """Stage every file outside the swapped directories; return the number of the new generation, if there is one."""
    root, wanted, plan = transaction.root, proposed.applicable, proposed.plan
    state = None
    if plan is not None:
        reason = f"restored from {proposed.origin.name}"
        generation = generations.make(root, plan, proposed.build, made_by="restore", reason=reason)
        generations.save(root, generation)
        state = current.Current(generation.number, confirmed=False)
    _stage_configuration(transaction, proposed, lambda _: True)
    yaml = plan.teleport_yaml if plan is not None and proposed.kept_yaml is None else None
    tree = None if plan is None else plan.tree
    parts = plan_files.Parts(wanted, proposed.fetched.values, yaml, proposed.instance, state, tree)
    plan_files.stage(transaction, proposed.conf if proposed.conf_bytes is not None else None, parts)
    if state is None:
        # What was applied here before says nothing about what is here now.
        transaction.remove(paths.CURRENT)
    transaction.write_state(restore_record.FILE, _record(root, proposed, swaps, asked))
    if proposed.conf_bytes is not None:
        transaction.write(paths.RESTORED_CONF, proposed.conf_bytes, mode=0o600, owner="root", group="root")
    else:
        transaction.remove(paths.RESTORED_CONF)
    return None if state is None else state.generation


def _stage_configuration(
    transaction: Transaction, proposed: proposal.Proposal, is_wanted: Callable[[str], bool]
) -> None:
    """Stage the single files that come from the archive, as far as their paths are wanted."""
    wanted = proposed.applicable
    planned = (*wanted.absent, *(each.path for each in wanted.files))
    for path, content in proposed.merged.items():
        if path not in planned and is_wanted(path):
            # Teleport's environment may hold secrets; systemd reads it as root.
            mode = 0o644 if path.startswith(f"{paths.SYSTEMD}/") else 0o600
            transaction.write(path, content, mode=mode, owner="root", group="root")
    for path, (content, entry) in proposed.named.items():
        if is_wanted(path):
            owner, group = _owner(transaction.root, entry, *proposed.account)
            transaction.write(path, content, mode=entry.mode & 0o644, owner=owner, group=group)
    if proposed.kept_yaml is not None:
        group = proposed.account[1]
        mode = 0o600 if group == "root" else 0o640
        transaction.write(paths.TELEPORT_YAML, proposed.kept_yaml, mode=mode, owner="root", group=group)


def _owner(root: paths.Root, entry: interface.Entry, user: str, group: str) -> tuple[str, str]:
    """Return user and group of a file as archived, or Teleport's where this host does not have them."""
    try:
        accounts.ids(root, entry.owner, entry.group)
    except errors.AccountMissing:
        return user, group
    return entry.owner, entry.group


def _record(
    root: paths.Root, proposed: proposal.Proposal, swaps: tuple[directory_swap.Swap, ...], asked: str | None
) -> restore_record.Restored:
    aside = next((each.kept for each in swaps if each.target == paths.CONF_DIRECTORY), None)
    conf = None if aside is None else directory.read(root, f"{aside}/conf")
    here = proposed.here
    return restore_record.Restored(
        archive=proposed.origin.name,
        digest=proposed.verified.digest,
        at=clock.iso(),
        asked=asked,
        aside=aside,
        aside_sha256=None if conf is None else generations.digest(conf.content),
        aside_says=None if here is None else restore_record.says(here),
        conf_sha256=None if proposed.conf_bytes is None else generations.digest(proposed.conf_bytes),
    )


def _find(
    text: str | None, doors: gather.Doors, conf: conf_file.Conf | None, *, expected_owner: str | None = None
) -> interface.Source:
    """Return the archive that `text` names: a file, an S3 object, or the newest one of a directory or a prefix.

    None names the default place. Raises UsageError, BackupMissing, and what the store raises.
    """
    found = destination.parse(text, doors.root)
    backups = destination.open_store(found, lambda: gather.aws(doors, conf), expected_owner=expected_owner)
    return backups.source(found.name if found.name is not None else newest.choose(backups).name)


def _offered(doors: gather.Doors, conf: conf_file.Conf | None, wishes: Wishes) -> interface.Source:
    """Return the newest archive of where this host keeps its backups, for the operator to decide about.

    Raises UsageError, which names that archive, where there is no one to ask.
    """
    nothing = "nothing says which archive to restore: the conf has no TELEPORT_RESTORE_FROM"
    hint = "Name one: a file, s3://bucket/key, or s3://bucket/prefix/ for the newest one there."
    place, owner = wishes.kept_in()
    try:
        source = _find(place, doors, conf, expected_owner=wishes.expected_owner or owner)
    except (errors.BackupMissing, errors.UsageError) as error:
        raise errors.UsageError(nothing, lines=[error.message], hint=hint) from None
    if wishes.may_offer:
        return source
    raise errors.UsageError(
        nothing,
        lines=[f"The newest backup of this host is {source.name}"],
        hint=f"To restore that one: `teleport-bootstrap restore {source.name}`.",
    )


def run_undo(doors: gather.Doors, agreed: Callable[[PreviousState], bool], *, health_seconds: float) -> Outcome:
    """Restore what the last restore has replaced; what is here now is kept in its turn, for another undo.

    Raises UndoMissing without such a restore, and UnhealthyAfterRollback where Teleport is unhealthy after it.
    """
    root = doors.root
    with session.begin(root, "restore --undo", deadline_seconds=doors.wait_seconds), termination.as_exception():
        previous = _required(root)
        _rehearse_undo(root, previous)
        if not agreed(previous):
            return Outcome(DECLINED)
        back, verdict = attempt.restore_previous(root, previous, seconds=health_seconds, is_undo=True)
        if not verdict.healthy:
            unit = units.running(previous.units)
            raise errors.UnhealthyAfterRollback(
                f"{previous.what} is undone, but {unit or 'systemd'} is unhealthy: {verdict.seen}",
                hint=f"Look at `journalctl -b -u {unit}`; `teleport-bootstrap restore --undo` undoes this again.",
            )
        kept = tuple(root.path(each.kept) for each in back.moved if each.had)
        asked = restore_record.pending(root, gather.conf(root))
        notes = () if asked is None else (f"the conf here asks to restore {asked}: the next boot does that again",)
        return Outcome(UNDONE, previous.what, health=verdict.seen, kept=kept, notes=notes)


def _rehearse_undo(root: paths.Root, previous: PreviousState) -> None:
    """Raise FileTrouble where what is to be restored was removed, or a file cannot be restored in its place."""
    gone = [root.path(each.kept) for each in previous.moved if each.had and not os.path.lexists(root.path(each.kept))]
    if gone:
        raise errors.FileTrouble(
            f"{previous.what} cannot be undone: {', '.join(gone)} was removed",
            hint="`teleport-bootstrap restore --discard-undo` removes the rest. Nothing was changed.",
        )
    with Transaction(root) as trial:
        for path, found in previous.files.items():
            if not any(path.startswith(f"{each.target}/") for each in previous.moved):
                trial.restore(path, found)


def run_discard(doors: gather.Doors, agreed: Callable[[PreviousState], bool]) -> Outcome:
    """Remove permanently what the last restore has replaced. Raises UndoMissing without such a restore."""
    root = doors.root
    with session.begin(root, "restore --discard-undo", deadline_seconds=doors.wait_seconds):
        previous = _required(root)
        if not agreed(previous):
            return Outcome(DECLINED)
        kept = [each.kept for each in previous.moved if os.path.lexists(root.path(each.kept))]
        # One change with the record: what is half removed cannot be restored.
        with Transaction(root) as transaction:
            transaction.reserve(())
            transaction.remove(paths.RESTORE_UNDO)
            transaction.commit(discard=[*previous.outdated, *(directory_swap.container(path) for path in kept)])
        return Outcome(DISCARDED, previous.what, removed=tuple(root.path(path) for path in kept))


def _required(root: paths.Root) -> PreviousState:
    previous = UNDO.read(root)
    if previous is None:
        raise errors.UndoMissing(
            "no restore has replaced anything here", hint="There is nothing to undo, and nothing to remove."
        )
    return previous
