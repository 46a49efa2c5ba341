"""`backup`: write everything of this host into one archive, and verify it.

What cannot be read is left out and named: the backup is then incomplete, and does not count as a success.

The steps: gather facts about the host, request DynamoDB's own backups, write the archive, start Teleport again if it
was stopped, verify the archive in its final place, remove old archives.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterator, Sequence

from teleport_bootstrap import errors, log, paths, records, unit_table
from teleport_bootstrap.archive import compression, interface, pack, verify
from teleport_bootstrap.backup import archive_facts, archive_table, contents, data_directory, storage
from teleport_bootstrap.backup.stores import destination, names, store
from teleport_bootstrap.backup.stores import directory as directory_store
from teleport_bootstrap.change import session
from teleport_bootstrap.hints import TYPE_CHECKING, Any
from teleport_bootstrap.host import clock, process, systemd, termination
from teleport_bootstrap.instance import gather
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import jobs, manual_edits, state_file

if TYPE_CHECKING:
    from teleport_bootstrap.aws.account import Aws

logger = log.Logger(__name__)

# `progress(what, bytes)` returns a context manager for a step over so many bytes, None where that is unknown.
Progress = Callable[[str, "int | None"], contextlib.AbstractContextManager["interface.Progress | None"]]

# Another backup may have the name for the current second.
NAMES_TRIED = 30

# Until systemd reports it active; `status` reports its health.
START_SECONDS = 30.0
POLL_SECONDS = 0.5
_MISSING_SHOWN = 3
CALL_SECONDS = 10.0


@dataclass(frozen=True)
class Wishes:
    """The options of the command. `keep`: how many archives of this host to keep, None for all.

    `measured`: progress is displayed, so the amount of data is estimated first.
    """

    destination: destination.Destination
    stop: bool = False
    keep: int | None = None
    tables: bool = True
    allow_damaged: bool = False
    measured: bool = False
    expected_owner: str | None = None
    kms_key_id: str | None = None


@dataclass(frozen=True)
class Made:
    """A verified backup: its `name` in the store, its whole `place`, and its `header`. `packed` says what is missing.

    `stopped` are the units that were stopped and started again, `removed` the places of old archives that were
    removed, `notes` remarks for those who rely on the archive.
    """

    name: str
    place: str
    packed: interface.Packed
    header: dict[str, Any]
    stopped: tuple[str, ...]
    removed: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing that belongs in it."""
        return not self.packed.missing_in_all


@contextlib.contextmanager
def silent(what: str, size: int | None) -> Iterator[interface.Progress | None]:  # noqa: ARG001 - see Progress
    """Show no progress."""
    yield None


def run(doors: gather.Doors, wishes: Wishes, *, progress: Progress = silent) -> Made:
    """Make a backup, verify it, and return it; it may be incomplete.

    Raises LockBusy where another backup runs, or another command for longer than the doors wait; FileTrouble and the
    errors of AWS where the archive cannot be written; UnitTrouble where Teleport was stopped and cannot be started
    again; ArchiveDamaged where the new archive is not what was written, after removing it.
    """

    def work() -> Made:
        with termination.as_exception():
            return _Backup(doors, wishes, progress).make()

    return jobs.run(doors.root, jobs.BACKUP, work, summary, is_complete=lambda made: made.is_complete)


def summary(made: Made) -> str:
    """Return the backup as one line of text."""
    packed = made.packed
    line = f"{made.place}: {archive_table.size(packed.size)}, {packed.totals.files} files, verified"
    if made.is_complete:
        return line
    more = packed.missing_in_all - _MISSING_SHOWN
    shown = "; ".join(f"/{each.describe()}" for each in packed.missing[:_MISSING_SHOWN])
    return f"{line}, but incomplete: {shown}" + (f"; and {more} more" if more > 0 else "")


class _Backup:
    """One run."""

    def __init__(self, doors: gather.Doors, wishes: Wishes, progress: Progress) -> None:
        self._doors = doors
        self._root = doors.root
        self._wishes = wishes
        self._progress = progress
        self._aws: Aws | None = None

    def make(self) -> Made:
        document = manual_edits.document(manual_edits.text(self._root, paths.TELEPORT_YAML)) or {}
        layout = contents.layout(self._root, document)
        if not any(os.path.lexists(self._root.path(path)) for path in (paths.TELEPORT_YAML, *layout.data)):
            raise errors.FileTrouble(
                f"nothing to back up: found neither {self._root.path(paths.TELEPORT_YAML)} nor Teleport's data",
                hint="Check that Teleport runs on this host: `teleport-bootstrap status`.",
            )
        _refuse_inside(self._root, self._wishes.destination, layout)
        # Before anything is waited for: a wrong place is known at once.
        target = destination.open_store(
            self._wishes.destination,
            self._access,
            expected_owner=self._wishes.expected_owner,
            kms_key_id=self._wishes.kms_key_id,
        )
        if isinstance(target, directory_store.DirectoryStore):
            target.require_writable(self._wishes.destination.name)
        facts = archive_facts.gather_facts(self._doors)
        for swept in target.sweep(facts.label, facts.host_label):
            logger.info("removed the remains of an interrupted backup: %s", swept)
        with contextlib.ExitStack() as resources:
            # First, so that a place that cannot be written fails at once.
            facts, name, sink = self._begin(resources, target, facts)
            facts = self._with_tables(facts)
            header, packed, stopped = self._packed(layout, facts, name, sink)
        verified = self._verified(target, name, packed)
        removed = () if self._wishes.keep is None else store.remove_old(target, name, self._wishes.keep)
        notes = (
            *facts.notes,
            *layout.notes,
            *(note.describe() for note in verified),
            *([f"and {packed.notes_in_all - len(verified)} more"] if packed.notes_in_all > len(verified) else []),
        )
        place = target.source(name).name
        return Made(name, place, packed, header, stopped, removed, notes)

    def _begin(
        self, resources: contextlib.ExitStack, target: store.Store, facts: archive_facts.Facts
    ) -> tuple[archive_facts.Facts, str, interface.Sink]:
        """Open the archive in the store; return the facts with the time of its name, the name, and the sink."""
        named = self._wishes.destination.name
        for _ in range(NAMES_TRIED):
            made = datetime.datetime.fromisoformat(facts.made_at)
            kind = compression.best()
            name = named or names.name(facts.label, facts.host_label, made, kind)
            try:
                return facts, name, resources.enter_context(target.writing(name))
            except errors.BackupExists:
                if named:
                    raise
            # Another backup has this name: take a later one.
            clock.SYSTEM.sleep(1.0)
            facts = records.replace(facts, made_at=archive_facts.now())
        raise errors.BackupExists(f"{target.place} has no free name for the current time", hint="Check the clock.")

    def _with_tables(self, facts: archive_facts.Facts) -> archive_facts.Facts:
        """Request backups of DynamoDB's tables, and return the facts with them."""
        tables = facts.storage.tables
        if facts.storage.type != storage.DYNAMODB or not tables or not self._wishes.tables:
            return facts
        aws = self._access()
        try:
            made = aws.in_region(facts.storage.region or aws.region).dynamodb.back_up(
                tables, f"teleport-bootstrap-{facts.host_label}-{facts.made_at.partition('+')[0].replace(':', '')}"
            )
        except errors.AwsDenied as error:
            raise errors.AwsDenied(
                error.message, hint=f"{error.hint} Or leave the tables out with --without-tables."
            ) from None
        for each in made:
            logger.info("DynamoDB backup of %s: %s", each.table, each.arn)
        table_backups = tuple({"table": each.table, "arn": each.arn} for each in made)
        return records.replace(facts, storage=records.replace(facts.storage, table_backups=table_backups))

    def _access(self) -> Aws:
        """Return the access to AWS, the same one each time."""
        if self._aws is None:
            self._aws = gather.aws(self._doors, gather.conf_if_readable(self._root))
        return self._aws

    def _packed(
        self, layout: contents.Layout, facts: archive_facts.Facts, name: str, sink: interface.Sink
    ) -> tuple[dict[str, Any], interface.Packed, tuple[str, ...]]:
        """Write the archive, with Teleport stopped meanwhile if that was requested."""
        state = contents.State(self._root)
        size = contents.estimate(self._root, layout) if self._wishes.measured else None
        with contextlib.ExitStack() as opened:
            # The agent's own files are read under the lock, which takes seconds. It is released before Teleport's data,
            # which may take hours.
            lock = opened.enter_context(contextlib.ExitStack())
            lock.enter_context(session.begin(self._root, "backup", deadline_seconds=self._doors.wait_seconds))
            stopped = opened.enter_context(_stopped(self._root)) if self._wishes.stop else ()
            state.read()
            facts = records.replace(facts, configuration=archive_facts.configuration(self._root))
            trees = [*layout.small, state.tree]
            for path in layout.data:
                if os.path.lexists(self._root.path(path)):
                    data = opened.enter_context(
                        data_directory.DataDirectory(self._root, path, allow_damaged=self._wishes.allow_damaged)
                    )
                    trees.append(contents.with_callback(data.tree, lock.close))
            header = {
                **state_file.encode(facts),
                "trees": sorted(tree.path for tree in trees),
                "data_directories": list(layout.data),
                "named_files": list(layout.named),
                "stopped": bool(stopped),
            }
            progress = opened.enter_context(self._progress("packing", size))
            packed = pack.pack(
                sink,
                header,
                trees,
                root=self._root,
                compression=names.compression_of(name),
                progress=progress,
                missing=layout.missing,
            )
        return header, packed, stopped

    def _verified(self, target: store.Store, name: str, packed: interface.Packed) -> tuple[interface.Note, ...]:
        """Verify the archive in its place, and return its notes; remove it where it is not what was written."""
        try:
            with self._progress("verifying", packed.size) as progress:
                source = target.source(name)
                with verify.verify(source, progress=progress) as found:
                    notes = found.notes
                    if found.digest != packed.digest:
                        raise errors.ArchiveDamaged(
                            f"{source.name} is not what was written: its digest is {found.digest}, not {packed.digest}",
                            hint="Another process has replaced it. Make the backup again.",
                        )
        except (errors.ArchiveDamaged, errors.ArchiveUnsafe, errors.ArchiveUnknown):
            logger.error("%s is not what was written, and is removed", name)
            target.delete(name)
            raise
        target.mark_verified(name, incomplete=packed.missing_in_all > 0)
        return notes


def _refuse_inside(root: paths.Root, target: destination.Destination, layout: contents.Layout) -> None:
    """Raise UsageError where the archive would contain itself."""
    if target.is_s3:
        return
    real = os.path.realpath(target.path)
    for path in (*layout.data, paths.CONF_DIRECTORY, paths.LETSENCRYPT, paths.STATE):
        if storage.is_in(real, os.path.realpath(root.path(path))):
            raise errors.UsageError(
                f"{target.path} is inside {root.path(path)}, and the backup would contain itself",
                hint=f"Choose another place; by default it is {root.path(paths.BACKUPS)}.",
            )


@contextlib.contextmanager
def _stopped(root: paths.Root) -> Iterator[tuple[str, ...]]:
    """Stop Teleport's running units, and start them again after the body, however it ends.

    Gives their names, none without systemd. Raises UnitTrouble where one does not stop (then all are started again),
    and where one does not start.
    """
    units = _running(root)
    if not units:
        yield ()
        return
    with _watched(root, units):
        logger.info("stopping %s for the backup", ", ".join(units))
        try:
            systemd.stop(units, wait=not systemd.is_inside_user_data())
            yield units
        finally:
            _start(units)


def _running(root: paths.Root) -> tuple[str, ...]:
    """Return Teleport's running units. Raises UnitTrouble."""
    if not systemd.is_running(root):
        return ()
    installed = [unit for unit in unit_table.TELEPORT_SERVICES if systemd.is_installed(root, unit)]
    return tuple(
        unit
        for unit, state in systemd.states(installed).items()
        if state.active in ("active", "reloading", "activating")
    )


def _start(units: Sequence[str]) -> None:
    logger.info("starting %s again", ", ".join(units))
    try:
        systemd.start(units)
        deadline = clock.SYSTEM.monotonic() + START_SECONDS
        while any(state.active != "active" for state in systemd.states(units).values()):
            if clock.SYSTEM.monotonic() > deadline:
                raise errors.UnitTrouble(f"{', '.join(units)} is not active {START_SECONDS:.0f} s after its start")
            clock.SYSTEM.sleep(POLL_SECONDS)
    except errors.UnitTrouble as error:
        raise errors.UnitTrouble(
            f"Teleport was stopped for the backup and could not be started again: {error.message}",
            hint=f"Start it: `systemctl start {' '.join(units)}`, and see `journalctl -b -u {units[0]}`.",
        ) from None


@contextlib.contextmanager
def _watched(root: paths.Root, units: Sequence[str]) -> Iterator[None]:
    """Have systemd start `units` again if this process is killed.

    A transient unit waits for the lock of this job, which the kernel releases when the process ends.
    """
    name = f"teleport-bootstrap-backup-{os.getpid()}.service"
    lock = root.path(jobs.lock_path(jobs.BACKUP))
    start = ["systemctl", "--no-ask-password", "start", "--no-block", *units]
    begun = process.run(
        ["systemd-run", "--quiet", "--collect", f"--unit={name}", "flock", lock, *start],
        most_bytes=process.SHORT,
        timeout_seconds=CALL_SECONDS,
    )
    if not begun.ok:
        logger.warning("Teleport will stay stopped if this command is killed: %s", begun.describe())
    try:
        yield
    finally:
        process.run(
            ["systemctl", "--no-ask-password", "stop", name],
            most_bytes=process.SHORT,
            timeout_seconds=CALL_SECONDS,
        )
