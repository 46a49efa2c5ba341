"""`backup`: everything of this host in one archive, read back before it counts.

The order: what is told of the host, DynamoDB's own backups, the archive, Teleport started again where it was to be
stopped, the archive read back from where it is now, older ones removed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import compression, interface, pack, verify
from teleport_bootstrap.backup import archive_facts, archive_table, contents, data_directory, pause, retention, storage
from teleport_bootstrap.backup.stores import destination, names, store
from teleport_bootstrap.change import session
from teleport_bootstrap.host import clock, termination
from teleport_bootstrap.instance import aws_access, gather
from teleport_bootstrap.state import jobs, manual_edits

if TYPE_CHECKING:
    from teleport_bootstrap.aws.account import Aws

logger = logging.getLogger(__name__)

# `progress(what, bytes)` gives a context manager for a step that goes through so many bytes, None where nobody knows.
Progress = Callable[[str, Optional[int]], contextlib.AbstractContextManager[Optional[interface.Progress]]]

# Another backup of the same second has the name that ours would have.
NAMES_TRIED = 30


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for. `keep`: how many archives of this host are to stay, None for all of them.

    `measured`: somebody looks at the progress, so that it is worth counting first what there is.
    """

    destination: destination.Destination
    stop: bool = False
    keep: Optional[int] = None
    tables: bool = True
    allow_damaged: bool = False
    measured: bool = False
    expected_owner: Optional[str] = None
    kms_key_id: Optional[str] = None


@dataclass(frozen=True)
class Made:
    """A backup that was read back and is good: its `name` in the store, its whole `place`, and its `header`.

    `stopped` are the units that were stopped and started again, `removed` the places of older archives that went,
    `notes` what whoever relies on the archive should know.
    """

    name: str
    place: str
    packed: interface.Packed
    header: dict[str, Any]
    stopped: tuple[str, ...]
    removed: tuple[str, ...]
    notes: tuple[str, ...]


@contextlib.contextmanager
def silent(what: str, size: Optional[int]) -> Iterator[Optional[interface.Progress]]:  # noqa: ARG001 - see Progress
    """Tell nobody of the progress."""
    yield None


def run(doors: gather.Doors, wishes: Wishes, *, progress: Progress = silent) -> Made:
    """Make a backup, verify it, and return what it is.

    Raises LockBusy where another backup is at work, or another command for longer than the doors wait; FileTrouble and
    the errors of AWS where something cannot be read or written; DatabaseDamaged; UnitTrouble where Teleport, stopped
    for it, does not run again; ArchiveDamaged where what was written is not what can be read back, which is removed.
    """
    made: list[Made] = []

    def work() -> str:
        with termination.as_exception():
            made.append(_Backup(doors, wishes, progress).make())
        packed = made[0].packed
        return f"{made[0].place}: {archive_table.size(packed.size)}, {packed.totals.files} files, verified"

    jobs.run(doors.root, jobs.BACKUP, work)
    return made[0]


class _Backup:
    """One run."""

    def __init__(self, doors: gather.Doors, wishes: Wishes, progress: Progress) -> None:
        self._doors = doors
        self._root = doors.root
        self._wishes = wishes
        self._progress = progress
        self._aws: Optional[Aws] = None

    def make(self) -> Made:
        document = manual_edits.document(manual_edits.text(self._root, paths.TELEPORT_YAML)) or {}
        layout = contents.layout(self._root, document)
        if not any(os.path.lexists(self._root.path(path)) for path in (paths.TELEPORT_YAML, *layout.data)):
            raise errors.FileTrouble(
                f"there is nothing to back up: neither {self._root.path(paths.TELEPORT_YAML)} nor Teleport's data",
                hint="Is this the host that Teleport runs on? Look at `teleport-bootstrap status`.",
            )
        _refuse_inside(self._root, self._wishes.destination, layout)
        known = archive_facts.gathered(self._doors)
        where_to = destination.open_store(
            self._wishes.destination,
            self._access,
            expected_owner=self._wishes.expected_owner,
            kms_key_id=self._wishes.kms_key_id,
        )
        for swept in where_to.sweep(known.label, known.host_label):
            logger.info("removed what an interrupted backup had left: %s", swept)
        with contextlib.ExitStack() as resources:
            # Both before anything is asked of AWS or read: what cannot be written or stopped is told at once.
            known, name, sink = self._begin(resources, where_to, known)
            known = self._with_tables(known)
            header, packed, stopped = self._packed(layout, known, name, sink)
        verified = self._verified(where_to, name, packed)
        removed = () if self._wishes.keep is None else retention.apply(where_to, name, self._wishes.keep)
        notes = (
            *known.notes,
            *layout.notes,
            *(note.describe() for note in verified),
            *([f"and {packed.notes_in_all - len(verified)} more"] if packed.notes_in_all > len(verified) else []),
        )
        place = where_to.source(name).name
        return Made(name, place, packed, header, stopped, removed, notes)

    def _begin(
        self, resources: contextlib.ExitStack, where_to: store.Store, known: archive_facts.Facts
    ) -> tuple[archive_facts.Facts, str, interface.Sink]:
        """Open the archive in the store, and return it with its name and the facts as of its time."""
        named = self._wishes.destination.name
        for _ in range(NAMES_TRIED):
            made = datetime.datetime.fromisoformat(known.made_at)
            kind = compression.best()
            name = named or names.name(known.label, known.host_label, made, kind)
            try:
                return known, name, resources.enter_context(where_to.writing(name))
            except errors.BackupExists:
                if named:
                    raise
            # Its own time then, later than that of the other one.
            clock.SYSTEM.sleep(1.0)
            known = dataclasses.replace(known, made_at=archive_facts.now())
        raise errors.BackupExists(f"{where_to.place} has an archive of each second", hint="Look at the clock.")

    def _with_tables(self, known: archive_facts.Facts) -> archive_facts.Facts:
        """Return the facts with the backups of DynamoDB's tables that were asked for."""
        tables = known.storage.tables
        if known.storage.type != storage.DYNAMODB or not tables or not self._wishes.tables:
            return known
        aws = self._access()
        try:
            made = aws.in_region(known.storage.region or aws.region).dynamodb.back_up(
                tables,
                f"teleport-bootstrap-{known.host_label}-{known.made_at.partition('+')[0].replace(':', '')}",
            )
        except errors.AwsDenied as error:
            raise errors.AwsDenied(
                error.message, hint=f"{error.hint} Or leave the tables out of it with --without-tables."
            ) from None
        for each in made:
            logger.info("DynamoDB backup of %s: %s", each.table, each.arn)
        table_backups = tuple(storage.TableBackup(each.table, each.arn) for each in made)
        return dataclasses.replace(known, storage=dataclasses.replace(known.storage, table_backups=table_backups))

    def _access(self) -> Aws:
        """Return how to call AWS, once for everything."""
        if self._aws is None:
            self._aws = aws_access.aws(self._doors, aws_access.conf_if_readable(self._root))
        return self._aws

    def _packed(
        self, layout: contents.Layout, known: archive_facts.Facts, name: str, sink: interface.Sink
    ) -> tuple[dict[str, Any], interface.Packed, tuple[str, ...]]:
        """Write the archive, with Teleport stopped meanwhile where that is wished."""
        state = contents.State(self._root)
        size = contents.estimate(self._root, layout) if self._wishes.measured else None
        with contextlib.ExitStack() as opened:
            # What we write ourselves is read while nobody else does, and that is little: the lock is given back when
            # Teleport's data has its turn, which may take hours, and which no command of ours changes without saying.
            lock = opened.enter_context(contextlib.ExitStack())
            lock.enter_context(session.begin(self._root, "backup", deadline_seconds=self._doors.wait_seconds))
            stopped = opened.enter_context(pause.stopped(self._root)) if self._wishes.stop else ()
            state.read()
            known = dataclasses.replace(known, configuration=archive_facts.configuration(self._root))
            trees = [*layout.small, state.tree]
            for path in layout.data:
                if os.path.lexists(self._root.path(path)):
                    data = opened.enter_context(
                        data_directory.DataDirectory(self._root, path, allow_damaged=self._wishes.allow_damaged)
                    )
                    trees.append(contents.watched(data.tree, lock.close))
            header = {
                **known.data(),
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
            )
        return header, packed, stopped

    def _verified(self, where_to: store.Store, name: str, packed: interface.Packed) -> tuple[interface.Note, ...]:
        """Read back what was written, and return the notes of its manifest; remove it where it is not that."""
        try:
            with self._progress("verifying", packed.size) as progress:
                source = where_to.source(name)
                with verify.verify(source, progress=progress) as found:
                    notes = found.notes
                    if found.digest != packed.digest:
                        raise errors.ArchiveDamaged(
                            f"{source.name} is not what was written: its seal is {found.digest}, not {packed.digest}",
                            hint="Somebody has put another archive there. Make the backup again.",
                        )
        except (errors.ArchiveDamaged, errors.ArchiveUnsafe, errors.ArchiveUnknown):
            logger.error("%s was not what had been written when it was read back, and is removed", name)
            where_to.delete(name)
            raise
        where_to.mark_verified(name)
        return notes


def _refuse_inside(root: paths.Root, goes_to: destination.Destination, layout: contents.Layout) -> None:
    """Raise UsageError where the archive would be a part of itself."""
    if goes_to.is_s3:
        return
    target = os.path.realpath(goes_to.path)
    for path in (*layout.data, paths.CONF_DIRECTORY, paths.LETSENCRYPT, paths.STATE):
        if storage.is_in(target, os.path.realpath(root.path(path))):
            raise errors.UsageError(
                f"{goes_to.path} is inside {root.path(path)}, and the backup would hold itself",
                hint=f"Choose another place; by default it is {root.path(paths.BACKUPS)}.",
            )
