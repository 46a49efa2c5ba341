"""`restore`: put an archive in place, and keep it only if Teleport is healthy with it; undo that later."""

from __future__ import annotations

from collections.abc import Callable

from teleport_bootstrap import errors, log, paths, records
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup.stores import destination, newest
from teleport_bootstrap.change import attempt, directory_swap, outdated, plan_files, session, units, way_back
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.host import accounts, clock, directory, termination
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import archive_reading
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.restore import proposal, stage
from teleport_bootstrap.state import current, generations, restore_record

logger = log.Logger(__name__)

RESTORED = "restored"
# By an operator, and with --dry-run.
DECLINED = "declined"
PROPOSED = "proposed"
NOTHING = "nothing"
UNDONE = "undone"
DISCARDED = "discarded"


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


def run(
    doors: gather.Doors,
    named: gather.NamedBuild,
    wishes: archive_reading.Wishes,
    agreed: Callable[[proposal.Proposal], bool],
    progress: archive_reading.Progress,
) -> Outcome:
    """Restore an archive, and keep it if Teleport is healthy with it.

    `agreed` shows the proposal and says whether to go on: before the data of the archive is read, and again when all of
    it was, which may have brought warnings. Raises BackupMissing; ArchiveDamaged, ArchiveUnsafe and
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
        reading = archive_reading.Reading(
            doors,
            named,
            wishes,
            source,
            agreed=agreed,
            rehearse=lambda found: _rehearse(root, found),
            progress=progress,
        )
        with Transaction(root) as transaction, reading:
            proposed = reading.proposal(transaction)
            if proposed is None:
                return Outcome(PROPOSED if wishes.dry_run else DECLINED, source.name, notes=reading.notes)
            return _carry_out(transaction, reading, proposed, asked=asked, health_seconds=wishes.health_seconds)


def _rehearse(root: paths.Root, proposed: proposal.Proposal) -> None:
    """Stage what is written outside of the directories that are replaced, and drop it.

    Raises what the restore itself would raise, which stops Teleport before it stages these files.
    """

    def is_outside(path: str) -> bool:
        return not any(path == each or path.startswith(f"{each}/") for each in proposed.trees)

    wanted = proposed.applicable
    outside = records.replace(
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
    begun: Transaction,
    reading: archive_reading.Reading,
    proposed: proposal.Proposal,
    *,
    asked: str | None,
    health_seconds: float,
) -> Outcome:
    """Put the archive in place and keep it if Teleport is healthy; `asked` is the conf's TELEPORT_RESTORE_FROM.

    Raises ChangeRolledBack where Teleport was unhealthy and everything was restored, UnhealthyAfterRollback where it is
    unhealthy with that too, and what staging and writing raise, after which nothing has changed.
    """
    root, source = begun.root, reading.source
    notes: list[str] = []

    def put(transaction: Transaction, states: units.States) -> int | None:
        assert reading.incoming is not None  # noqa: S101 - the archive was read
        swaps, found = stage.finish(transaction, reading.incoming, proposed)
        notes.extend(found)
        way_back.swap_stopped(transaction, swaps, states, seconds=health_seconds)
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
        transaction=begun,
    )
    done = attempt.run(root, change, seconds=health_seconds)
    notes.extend(outdated.remove(root))
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


def _offered(doors: gather.Doors, conf: conf_file.Conf | None, wishes: archive_reading.Wishes) -> interface.Source:
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
