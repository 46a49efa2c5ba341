"""Files, owners and whole directories that change together: all of it happens, or none of it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from types import TracebackType

from teleport_bootstrap import errors, log, paths, records
from teleport_bootstrap.change import directory_swap, journal
from teleport_bootstrap.hints import TypeVar
from teleport_bootstrap.host import accounts, clock, directory, termination
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import previous_state, state_file

logger = log.Logger(__name__)

T = TypeVar("T")


@dataclass
class _Change:
    """One name in one directory, with its entry in the journal."""

    directory: directory.Directory
    file: journal.FileChange

    @property
    def name(self) -> str:
        return os.path.basename(self.file.path)

    def swap(self) -> None:
        if self.file.staged is not None:
            self.directory.rename(self.file.staged, self.name)
        elif self.file.kept is not None:
            self.directory.unlink(self.name)


@dataclass(frozen=True)
class _Ownership:
    """Owner and mode that a directory has `before`, and gets."""

    directory: directory.Directory
    before: previous_state.Owner
    wanted: previous_state.Owner


class Transaction:
    """A change of several things under one root, as a context manager: what is not committed is undone at the end.

    Directories are swapped at once by `swap`, since files are then staged in the new ones; files and owners change in
    `commit`, in the order of the calls: put last what others take for the sign that the rest is there.

    One journal on the disk says what is under way. A run that is killed before the end of `commit` is undone by the
    next command, one that is killed after it has only left something to clean up. One file alone is replaced by a
    single rename and needs no journal. All methods raise FileTrouble with the path, after which the change is undone.
    """

    def __init__(self, root: paths.Root) -> None:
        self.root = root
        self._changes: list[_Change] = []
        self._ownerships: list[_Ownership] = []
        self._directories: dict[str, directory.Directory] = {}
        self._made: list[str] = []  # directories, on this machine
        self._journal = journal.Journal(committed=False)
        self._is_open = False  # whether the journal is on the disk
        self._is_committed = False

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_committed:
            with termination.uninterrupted():
                self._undo()
        for each in self._directories.values():
            each.close()
        if not self._is_committed:
            self._remove_made()
        self._changes.clear()
        self._ownerships.clear()
        self._directories.clear()
        self._made.clear()
        self._journal, self._is_open, self._is_committed = journal.Journal(committed=False), False, False

    @property
    def changed(self) -> tuple[str, ...]:
        """The paths of the files that will change, as the instance sees them."""
        return tuple(change.file.path for change in self._changes)

    def previous(self, what: str, units: previous_state.Units) -> previous_state.PreviousState:
        """Return the host as it was before this change, called `what`, which is staged completely by now.

        `units` are the states of the units before it. Raises FileTrouble.
        """
        swaps = self._journal.swaps

        def is_moved(path: str, *, itself: bool = True) -> bool:
            return any((itself and path == each.target) or path.startswith(f"{each.target}/") for each in swaps)

        # A mount point stays where it is while its entries are moved.
        mounts = {each.target for each in swaps if each.is_mount}
        with errors.file_trouble_at(self.root.path(paths.STATE)):
            files = {change.file.path: self._read(change) for change in self._changes if not is_moved(change.file.path)}
        return previous_state.PreviousState(
            what=what,
            made_at=clock.iso(),
            moved=tuple(previous_state.MovedDirectory(each.target, each.kept, each.had) for each in swaps),
            files=files,
            owners=tuple(
                each.before for each in self._ownerships if not is_moved(each.before.path) or each.before.path in mounts
            ),
            units=dict(units),
        )

    def _read(self, change: _Change) -> directory.Found | None:
        """Return the file as it is; refuse one that could not be restored, unless another account may have put it."""
        found = change.directory.read(change.name)
        is_roots = os.fstat(change.directory.descriptor).st_uid in (0, os.geteuid())
        if found is None and is_roots and (obstacle := change.directory.obstacle(change.name)):
            raise errors.FileTrouble(
                f"{self.root.path(change.file.path)} could not be restored after a failed change: {obstacle}",
                hint="Replace it with a regular file. Nothing was changed.",
            )
        return found

    # --- whole directories ---

    def reserve(self, scratch: Iterable[str], *, writing: Iterable[str] = ()) -> None:
        """Note that `scratch` is about to be made, to be removed at the end; files are staged beside `writing`."""
        self._note(
            scratch=(*self._journal.scratch, *scratch),
            directories=tuple(dict.fromkeys(os.path.dirname(path) for path in writing)),
        )

    def will_stop(self, units: Iterable[str]) -> None:
        """Note that `units` are about to be stopped, so that recovery starts them after it has undone this."""
        self._note(units=tuple(units))

    def swap(self, swaps: Iterable[directory_swap.Swap]) -> None:
        """Put directories that were staged in their places."""
        wanted = tuple(swaps)
        self._note(swaps=(*self._journal.swaps, *wanted))
        for each in wanted:
            directory_swap.carry_out(self.root, each)

    # --- files and owners ---

    def make_directory(self, path: str, *, mode: int, owner: str, group: str) -> None:
        """Have a directory at `path` with this mode and owner; a link in its place is refused, content is not touched.

        A missing one is made at once: it does no harm by itself, and files can only be staged inside it. It is removed
        again if the change is undone. An existing one changes with the files: until then, another account may be at
        work in it.
        """
        uid, gid = accounts.ids(self.root, owner, group)
        target = self.root.path(path)
        with errors.file_trouble_at(target):
            is_new = self._make(target, 0o700)
            opened = self._open(path)
            before = previous_state.Owner.of_directory(path, opened)
            wanted = previous_state.Owner(path, uid, gid, mode)
            if before.mode == mode and (uid == -1 or before == wanted):
                return
            if is_new:
                journal.set_owner(opened, wanted)
                opened.sync()
            else:
                self._ownerships.append(_Ownership(opened, before, wanted))

    def restore_owner(self, before: previous_state.Owner) -> None:
        """Give an existing directory the owner and mode that it had `before`."""
        with errors.file_trouble_at(self.root.path(before.path)):
            opened = self._open(before.path)
            now = previous_state.Owner.of_directory(before.path, opened)
            self._ownerships.append(_Ownership(opened, now, before))

    def write(self, path: str, content: bytes, *, mode: int, owner: str, group: str) -> None:
        """Stage a file; nothing is staged where the file is already exactly so."""
        uid, gid = accounts.ids(self.root, owner, group)
        self._stage(path, directory.Found(content, mode, uid, gid))

    def write_state(self, file: state_file.StateFile[T], value: T) -> None:
        """Stage a note of the agent's own state, so that it holds exactly when the other changes do."""
        self.write(file.path, file.content(value), mode=state_file.MODE, owner="root", group="root")

    def restore(self, path: str, before: directory.Found | None) -> None:
        """Stage what a file was `before`, with its owner and mode as numbers; its removal where there was none."""
        if before is None:
            self.remove(path)
        else:
            self._stage(path, before if os.geteuid() == 0 else records.replace(before, uid=-1, gid=-1))

    def remove(self, path: str) -> None:
        """Stage the removal of a file, where there is one."""
        parent, name = os.path.split(path)
        with errors.file_trouble_at(self.root.path(path)):
            if os.path.isdir(self.root.path(parent)) and self._open(parent).exists(name):
                self._changes.append(_Change(self._open(parent), journal.FileChange(path, None, None)))

    def staged_path(self, path: str) -> str | None:
        """Return where the staged content of `path` is on this machine, for a program that is to check it."""
        for change in self._changes:
            if change.file.path == path and change.file.staged is not None:
                return os.path.join(change.directory.path, change.file.staged)
        return None

    def sweep(self, *directories: str) -> None:
        """Remove temporary files that an interrupted change left in `directories`; call it only under the lock."""
        for path in directories:
            if os.path.isdir(self.root.path(path)):
                self._open(path)  # refuses a link
                journal.sweep(self.root, [path])

    def commit(self, *, discard: Iterable[str] = (), start: Iterable[str] = ()) -> tuple[str, ...]:
        """Make everything the new state, durably; return the paths of the files that changed.

        `discard` are directories to be removed afterwards; `start` are units to be started by the next command, if this
        one is killed before it has come that far.
        """
        if self._uses_journal or start:
            self._commit_with_journal(tuple(discard), tuple(start))
        else:
            self._keep()
            self._change_files()
        self._is_committed = True
        self._clean_up()
        return self.changed

    @property
    def _uses_journal(self) -> bool:
        return self._is_open or bool(self._ownerships) or len(self._changes) > 1

    def _commit_with_journal(self, discard: tuple[str, ...], start: tuple[str, ...]) -> None:
        self._keep()
        # Recovery returns to the second names, so they are on the disk before the first swap; the state directory is
        # synced with the journal. The names of staged files need not be: a swap takes its file along.
        kept = {id(each.directory): each.directory for each in self._changes if each.file.kept is not None}
        for opened in kept.values():
            if opened.path != self.root.path(paths.STATE):
                with errors.file_trouble_at(opened.path):
                    opened.sync()
        self._note(
            files=tuple(change.file for change in self._changes), owners=tuple(each.before for each in self._ownerships)
        )
        self._change_files()
        emptied = [each.emptied for each in self._journal.swaps if each.emptied is not None]
        scratch = tuple(dict.fromkeys((*self._journal.scratch, *emptied, *discard)))
        try:
            self._note(committed=True, scratch=scratch, units=start)
        except errors.FileTrouble as error:
            found = journal.FILE.read(self.root)
            if found is None or not found.committed:
                raise
            # Renamed, but perhaps not on the disk: whatever survives is consistent. The next command cleans up.
            logger.warning("%s", error.message)
            self._is_open = False

    def _change_files(self) -> None:
        for ownership in self._ownerships:
            with errors.file_trouble_at(self.root.path(ownership.wanted.path)):
                journal.set_owner(ownership.directory, ownership.wanted)
        for change in self._changes:
            with errors.file_trouble_at(self.root.path(change.file.path)):
                change.swap()
        for opened in self._touched():
            with errors.file_trouble_at(opened.path):
                opened.sync()

    def _keep(self) -> None:
        """Give each file that is replaced a second name, by which it can be restored."""
        for change in self._changes:
            with errors.file_trouble_at(self.root.path(change.file.path)):
                if change.directory.exists(change.name):
                    kept = f".{change.name}.{secrets.token_hex(8)}{directory.KEPT}"
                    change.directory.keep(change.name, kept)
                    change.file = records.replace(change.file, kept=kept)

    def _touched(self) -> list[directory.Directory]:
        changed = [*(each.directory for each in self._changes), *(each.directory for each in self._ownerships)]
        return list({id(each): each for each in changed}.values())

    def _note(self, **changes: object) -> None:
        """Bring a journal with these `changes` to the disk, before what it says is done."""
        noted = records.replace(self._journal, **changes)  # type: ignore[arg-type]
        self._is_open = True
        journal.FILE.write(self.root, noted)
        self._journal = noted

    def _undo(self) -> None:
        """Bring everything back to what it was; where that fails, the journal stays and the next command does it."""
        try:
            found = journal.FILE.read(self.root) if self._is_open else None
            if found is None or not found.committed:  # otherwise interrupted just after that
                # First, in the very directories that were opened: swaps that are undone put others in their places.
                for change in reversed(self._changes):
                    with contextlib.suppress(OSError):
                        journal.undo_file(change.directory, change.file)
            if self._is_open:
                journal.recover(self.root)
        except errors.FileTrouble as error:
            logger.warning("the next command undoes this change: %s", error.message)

    def _clean_up(self) -> None:
        """Remove what the change left over; where that fails, the next command does it."""
        with contextlib.suppress(errors.FileTrouble, OSError):
            if self._is_open:
                journal.recover(self.root)
            for change in self._changes if not self._uses_journal else ():
                if change.file.kept is not None:
                    change.directory.unlink(change.file.kept)

    def _stage(self, path: str, wanted: directory.Found) -> None:
        parent, name = os.path.split(path)
        with errors.file_trouble_at(self.root.path(path)):
            opened = self._open(parent)
            found = opened.read(name)
            if found is not None and wanted.uid == -1:
                found = records.replace(found, uid=-1, gid=-1)
            if found == wanted:
                return
            staged = f".{name}.{secrets.token_hex(8)}{directory.STAGED}"
            opened.create(staged, wanted.content, mode=wanted.mode, uid=wanted.uid, gid=wanted.gid)
            self._changes.append(_Change(opened, journal.FileChange(path, staged, None)))

    def _make(self, target: str, mode: int) -> bool:
        missing = [target]
        while not os.path.lexists(above := os.path.dirname(missing[-1])):
            missing.append(above)
        is_new = directory.make(target, mode)
        self._made += reversed(missing) if is_new else ()
        return is_new

    def _remove_made(self) -> None:
        """Remove the directories that were made for what is undone, where nothing is in them."""
        for path in reversed(self._made):
            with contextlib.suppress(OSError):
                os.rmdir(path)

    def _open(self, path: str) -> directory.Directory:
        if path not in self._directories:
            target = self.root.path(path)
            if not os.path.lexists(target):
                self._make(target, 0o755)
            if os.path.islink(target):
                raise errors.FileTrouble(
                    f"{target} is a symbolic link, which root must not follow where another account could have put it",
                    hint="Nothing was changed. Mount the volume there, or use a bind mount, instead of a link.",
                )
            self._directories[path] = directory.Directory(target)
        return self._directories[path]
