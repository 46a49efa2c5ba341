"""Several files changed as one: everything is staged before anything is swapped, and a failed swap is undone."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import change_journal
from teleport_bootstrap.host import accounts, directory, trouble
from teleport_bootstrap.state import state_file

STAGED, KEPT = directory.STAGED, directory.KEPT

T = TypeVar("T")


@dataclass
class _Change:
    """One name in one directory: `staged` takes its place, None removes it; `kept` is its old content while we work."""

    path: str
    directory: directory.Directory
    name: str
    staged: str | None
    kept: str | None = None
    done: bool = False

    def swap(self) -> None:
        """Put what is staged in its place, or take what is there away."""
        if self.staged is not None:
            self.directory.rename(self.staged, self.name)
        elif self.kept is not None:
            self.directory.unlink(self.name)
        self.done = True


@dataclass(frozen=True)
class _Ownership:
    """Owner and mode that a directory which is already there is to get, and those it has; a uid of -1 leaves both."""

    path: str
    directory: directory.Directory
    wanted: tuple[int, int, int]
    found: tuple[int, int, int]

    def give(self, uid: int, gid: int, mode: int) -> None:
        if uid != -1:
            os.fchown(self.directory.descriptor, uid, gid)
        os.fchmod(self.directory.descriptor, mode)


class Changeset:
    """Changes to files under one root. Use as a context manager: what was staged and not committed vanishes.

    The order is the caller's: `commit` swaps in the order of the calls, so put last what others take for the sign that
    the rest is there. All methods raise FileTrouble with the path, after which nothing has changed.
    """

    def __init__(self, root: paths.Root) -> None:
        self._root = root
        self._changes: list[_Change] = []
        self._ownerships: list[_Ownership] = []
        self._directories: dict[str, directory.Directory] = {}

    def __enter__(self) -> Changeset:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for change in self._changes:
            if change.staged is not None and not change.done:
                with contextlib.suppress(OSError):
                    change.directory.unlink(change.staged)
        for each in self._directories.values():
            each.close()
        self._changes.clear()
        self._ownerships.clear()
        self._directories.clear()

    @property
    def root(self) -> paths.Root:
        """The root that the changes are for."""
        return self._root

    @property
    def changed(self) -> tuple[str, ...]:
        """The paths that will change, as the instance sees them."""
        return tuple(change.path for change in self._changes)

    @property
    def owned(self) -> tuple[change_journal.Owned, ...]:
        """The directories that will get another owner or mode, with those they have."""
        return tuple(change_journal.Owned(each.path, *each.found) for each in self._ownerships)

    def make_directory(self, path: str, *, mode: int, owner: str, group: str) -> None:
        """Have a directory at `path` with this mode and owner; a link in its place is refused, content is not touched.

        One that is not there is made at once: it does no harm by itself, and files can only be staged inside it. One
        that is there changes with the files: until then, another account may be at work in it.
        """
        uid, gid = accounts.ids(self._root, owner, group)
        with trouble.at(self._root.path(path)):
            target = self._root.path(path)
            os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
            try:
                os.mkdir(target, mode=0o700)
                is_new = True
            except FileExistsError:
                is_new = False
            opened = self._open(path)
            facts = os.fstat(opened.descriptor)
            found = (facts.st_uid, facts.st_gid, facts.st_mode & 0o7777)
            ownership = _Ownership(path, opened, (uid, gid, mode), found)
            if is_new:
                ownership.give(uid, gid, mode)
            elif found[2] != mode or (uid != -1 and found[:2] != (uid, gid)):
                self._ownerships.append(ownership)

    def restore_directory(self, before: change_journal.Owned) -> None:
        """Give a directory that is there the owner and mode it had `before`."""
        with trouble.at(self._root.path(before.path)):
            opened = self._open(before.path)
            facts = os.fstat(opened.descriptor)
            found = (facts.st_uid, facts.st_gid, facts.st_mode & 0o7777)
            uid, gid = (before.uid, before.gid) if os.geteuid() == 0 else (-1, -1)
            self._ownerships.append(_Ownership(before.path, opened, (uid, gid, before.mode), found))

    def write(self, path: str, content: bytes, *, mode: int, owner: str, group: str) -> None:
        """Stage a file; nothing is staged where the file is already exactly so."""
        uid, gid = accounts.ids(self._root, owner, group)
        with trouble.at(self._root.path(path)):
            parent, name = os.path.split(path)
            opened = self._open(parent)
            found = opened.read(name)
            same_owner = found is not None and (uid == -1 or (found.uid, found.gid) == (uid, gid))
            if found is not None and same_owner and found.mode == mode and found.content == content:
                return
            staged = f".{name}.{secrets.token_hex(8)}{STAGED}"
            opened.create(staged, content, mode=mode, uid=uid, gid=gid)
            self._changes.append(_Change(path, opened, name, staged))

    def write_state(self, file: state_file.StateFile[T], value: T) -> None:
        """Stage a note of the agent's own state, so that it holds exactly when the other changes do."""
        self.write(file.path, file.content(value), mode=state_file.MODE, owner="root", group="root")

    def restore(self, path: str, before: directory.Found | None) -> None:
        """Stage what a file was `before`, with its owner and mode as numbers; its removal where there was none."""
        if before is None:
            self.remove(path)
            return
        with trouble.at(self._root.path(path)):
            parent, name = os.path.split(path)
            opened = self._open(parent)
            if opened.read(name) == before:
                return
            uid, gid = (before.uid, before.gid) if os.geteuid() == 0 else (-1, -1)
            staged = f".{name}.{secrets.token_hex(8)}{STAGED}"
            opened.create(staged, before.content, mode=before.mode, uid=uid, gid=gid)
            self._changes.append(_Change(path, opened, name, staged))

    def remove(self, path: str) -> None:
        """Stage the removal of a file, where there is one."""
        parent, name = os.path.split(path)
        with trouble.at(self._root.path(path)):
            if not os.path.isdir(self._root.path(parent)):
                return
            opened = self._open(parent)
            if opened.exists(name):
                self._changes.append(_Change(path, opened, name, None))

    def staged_path(self, path: str) -> str | None:
        """Return where the staged content of `path` lies on this machine, for a program that is to judge it."""
        for change in self._changes:
            if change.path == path and change.staged is not None:
                return os.path.join(change.directory.path, change.staged)
        return None

    def commit(self) -> tuple[str, ...]:
        """Swap everything in, and bring it to the disk; return the paths that changed.

        Where one fails, or its way to the disk, all are undone before FileTrouble is raised. Where we are killed or the
        power fails, `change_recovery` undoes what was done: until the last moment, what was there is kept under another
        name, and the journal in the state directory says which. One file alone changes in one instant: no journal.
        """
        try:
            self._keep()
            self._record()
            for ownership in self._ownerships:
                with trouble.at(self._root.path(ownership.path)):
                    ownership.give(*ownership.wanted)
            for change in self._changes:
                with trouble.at(self._root.path(change.path)):
                    change.swap()
            for opened in self._touched():
                with trouble.at(opened.path):
                    opened.sync()
            with trouble.at(self._root.path(paths.CHANGE_JOURNAL)):
                self._forget()
        except BaseException:
            self._undo()
            raise
        # Only now: as long as anything can fail, what was there must be at hand. A name that survives is swept away by
        # the next run.
        for change in self._changes:
            if change.kept is not None:
                with contextlib.suppress(OSError):
                    change.directory.unlink(change.kept)
        return self.changed

    def _keep(self) -> None:
        for change in self._changes:
            with trouble.at(self._root.path(change.path)):
                if change.directory.exists(change.name):
                    kept = f".{change.name}.{secrets.token_hex(8)}{KEPT}"
                    change.directory.keep(change.name, kept)
                    change.kept = kept

    def _touched(self) -> list[directory.Directory]:
        changed = [*(each.directory for each in self._changes), *(each.directory for each in self._ownerships)]
        return list({id(each): each for each in changed}.values())

    def _record(self) -> None:
        """Write down what is about to happen, and bring it to the disk before it does."""
        if not self._is_journalled:
            return
        entries = [change_journal.Entry(each.path, each.staged, each.kept) for each in self._changes]
        with trouble.at(self._root.path(paths.CHANGE_JOURNAL)):
            for opened in self._touched():
                opened.sync()
            change_journal.write(self._root, change_journal.Note(tuple(entries), self.owned))

    @property
    def _is_journalled(self) -> bool:
        return len(self._changes) + len(self._ownerships) > 1

    def _forget(self) -> None:
        if self._is_journalled:
            change_journal.remove(self._root)

    def sweep(self, *directories: str) -> None:
        """Remove what a killed run left in `directories`; call it only under the lock."""
        for path in directories:
            if not os.path.isdir(self._root.path(path)):
                continue
            with trouble.at(self._root.path(path)):
                opened = self._open(path)
                for name in opened.names():
                    if name.startswith(".") and name.endswith((STAGED, KEPT)):
                        # A directory of that name is none of ours, and whoever made it should not hold us up.
                        with contextlib.suppress(OSError):
                            opened.unlink(name)

    def _undo(self) -> None:
        for change in reversed(self._changes):
            with contextlib.suppress(OSError):
                if change.done and change.kept is not None:
                    change.directory.rename(change.kept, change.name)
                elif change.done:
                    change.directory.unlink(change.name)
                elif change.kept is not None:
                    change.directory.unlink(change.kept)
        for ownership in self._ownerships:
            with contextlib.suppress(OSError):
                ownership.give(*ownership.found)
        # Only with all of it on the disk is the journal no longer needed; otherwise the next run undoes it once more.
        with contextlib.suppress(OSError):
            for opened in self._touched():
                opened.sync()
            self._forget()

    def _open(self, path: str) -> directory.Directory:
        if path not in self._directories:
            target = self._root.path(path)
            if not os.path.lexists(target):
                os.makedirs(target, mode=0o755)
                # What is secret has a mode of its own; a umask should not hide the rest, such as systemd's drop-ins.
                os.chmod(target, 0o755)  # noqa: S103
            if os.path.islink(target):
                raise errors.FileTrouble(
                    f"{target} is a symbolic link, and root follows none where another account could have put it",
                    hint="Nothing was changed. Mount the volume there, or use a bind mount, instead of a link.",
                )
            self._directories[path] = directory.Directory(target)
        return self._directories[path]
