"""The journal of a change that is under way, and the recovery from one that was interrupted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator

from teleport_bootstrap import errors, paths, records, unit_table
from teleport_bootstrap.change import directory_swap
from teleport_bootstrap.host import directory
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import previous_state, state_file


@dataclass(frozen=True)
class FileChange:
    """One file of the change: its path, and the names in its directory of its new content and of its old one.

    `staged` is None where the file is removed, `kept` where there was none before.
    """

    path: str
    staged: str | None
    kept: str | None


@dataclass(frozen=True)
class Journal:
    """A change that is under way.

    Until it is `committed`, recovery undoes `files`, `owners` (which holds the previous ones) and `swaps`. In either
    case it removes `scratch` and the temporary files in `directories`. `units` were stopped, or are new: the journal
    stays until they have been started.
    """

    committed: bool
    files: tuple[FileChange, ...] = ()
    owners: tuple[previous_state.Owner, ...] = ()
    swaps: tuple[directory_swap.Swap, ...] = ()
    scratch: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """What the change is about."""
        changed = [each.path for each in self.files] + [each.path for each in self.owners]
        return tuple(dict.fromkeys((*changed, *(each.target for each in self.swaps))))


# Where every command begins by removing temporary files: the directories that a plan writes to.
SWEPT = tuple(
    dict.fromkeys(
        (
            *(os.path.dirname(path) for path in (paths.TELEPORT_YAML, paths.CONF, *unit_table.DROP_INS)),
            *(paths.OVERRIDES, paths.DATA, paths.STATE),
        )
    )
)

FILE: state_file.StateFile[Journal] = state_file.StateFile(
    paths.CHANGE_JOURNAL,
    Journal,
    unknown="an interrupted change cannot be undone",
    hint="Look for names with .teleport-bootstrap-old, .before-restore- and .reset- beside /etc/teleport.yaml, "
    f"{paths.CONF_DIRECTORY} and {paths.DATA}, restore what belongs there, and remove change.json.",
)


def recover(root: paths.Root) -> Journal | None:
    """Undo the change that was interrupted, or clean up after a committed one; return its journal, None without one.

    Call it only under the lock, before anything else. It can be interrupted and repeated: what was there is kept until
    the journal says that all is done, or is gone. An interrupted change is never completed, since it is unknown how
    much of the rest is on the disk. Raises FileTrouble.
    """
    journal = FILE.read(root)
    if journal is None:
        return None
    if journal.committed:
        _forget_previous(root, journal)
    else:
        _undo(root, journal)
    for path in journal.scratch:
        directory_swap.remove(root, path)
    sweep(root, journal.directories)
    _sync_removed(root, journal)
    if journal.units:
        FILE.write(root, Journal(committed=True, units=journal.units))
    else:
        FILE.remove(root)
    return journal


def units_are_started(root: paths.Root) -> None:
    """Note that systemd was asked to start the units of a change, the last step of all. Raises FileTrouble."""
    journal = FILE.read(root)
    if journal is not None and journal.committed:
        FILE.write(root, records.replace(journal, units=()))
        recover(root)


def _undo(root: paths.Root, journal: Journal) -> None:
    # Files changed after every swap: where one is undone already, what is inside is not of this change.
    undone = [each.target for each in journal.swaps if not directory_swap.is_in_place(root, each)]
    for file in reversed(journal.files):
        if _is_inside(file.path, undone):
            continue
        with _opened(root, os.path.dirname(file.path)) as opened:
            if opened is not None:
                undo_file(opened, file)
    for owner in journal.owners:
        if owner.path in undone or _is_inside(owner.path, undone):
            continue
        with _opened(root, owner.path) as opened:
            if opened is not None:
                set_owner(opened, owner)
    for swap in reversed(journal.swaps):
        directory_swap.undo(root, swap)


def _forget_previous(root: paths.Root, journal: Journal) -> None:
    with errors.file_trouble_at(root.path(paths.CHANGE_JOURNAL)):
        directory.sync(root.path(paths.STATE))
    for file in journal.files:
        with _opened(root, os.path.dirname(file.path)) as opened:
            if opened is not None and file.kept is not None and opened.exists(file.kept):
                opened.unlink(file.kept)


def _sync_removed(root: paths.Root, journal: Journal) -> None:
    """Bring to the disk that something was removed, before the journal goes, which alone knows of it.

    What comes back in a directory of SWEPT is removed by the next command.
    """
    changed = [os.path.dirname(each.path) for each in journal.files]
    scratch = [os.path.dirname(each) for each in journal.scratch]
    for path in dict.fromkeys((*changed, *journal.directories, *scratch)):
        if path in scratch or path not in SWEPT:
            with _opened(root, path) as opened:
                if opened is not None:
                    opened.sync()


def undo_file(opened: directory.Directory, file: FileChange) -> None:
    """Bring the name back to what it was before, in its directory `opened`; can be repeated. Raises OSError."""
    name = os.path.basename(file.path)
    if file.kept is not None and opened.exists(file.kept):
        opened.rename(file.kept, name)
        # Two names of one file: then rename does nothing, since the file had not been replaced.
        if opened.exists(file.kept):
            opened.unlink(file.kept)
    elif file.kept is None and file.staged is not None and not opened.exists(file.staged) and opened.exists(name):
        opened.unlink(name)
    if file.staged is not None and opened.exists(file.staged):
        opened.unlink(file.staged)
    opened.sync()


def set_owner(opened: directory.Directory, owner: previous_state.Owner) -> None:
    """Give the directory `opened` this owner, unless its uid is -1, and mode. Raises OSError."""
    if os.geteuid() == 0:
        os.fchown(opened.descriptor, owner.uid, owner.gid)
    os.fchmod(opened.descriptor, owner.mode)


def _is_inside(path: str, targets: Iterable[str]) -> bool:
    return any(path.startswith(f"{target}/") for target in targets)


def sweep(root: paths.Root, directories: Iterable[str]) -> None:
    """Remove the temporary files that an interrupted change left in `directories`; call it only under the lock.

    Raises FileTrouble.
    """
    for path in directories:
        with _opened(root, path) as opened:
            if opened is None:
                continue
            for name in opened.names():
                if name.startswith(".") and name.endswith((directory.STAGED, directory.KEPT)):
                    # A directory of that name is not one of our files.
                    with contextlib.suppress(OSError):
                        opened.unlink(name)


@contextlib.contextmanager
def _opened(root: paths.Root, path: str) -> Iterator[directory.Directory | None]:
    """Open the directory at `path`, None where there is none. Raises FileTrouble, also for an OSError of the body."""
    with errors.file_trouble_at(root.path(path)):
        try:
            opened = directory.Directory(root.path(path))
        except FileNotFoundError:
            yield None
            return
        with contextlib.closing(opened):
            yield opened
