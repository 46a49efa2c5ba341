"""Teleport's data in a backup: copies of its databases, and everything else as it is.

What cannot be read is named, and the archive is incomplete: all the rest is worth more than no backup. Left out without
that are sockets, pid files, caches, and the files that SQLite keeps beside a database. Unsent recordings and events
under `log/` are included.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Sequence
from functools import partial

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface, walk
from teleport_bootstrap.backup import databases, databases_child, storage
from teleport_bootstrap.change import directory_swap
from teleport_bootstrap.host import directory, regular_file

# Teleport regenerates its cache: a copy of the cluster's resources on proxies and nodes. The other is at the top of a
# file system, where the data is on a volume of its own.
_LEFT_AT_TOP = (b"cache", b"lost+found")

# The name of Teleport's databases. A file of this name is treated as a database whatever its content.
DATABASE_NAME = b"sqlite.db"

# What Teleport cannot start as this host without: a backup without it is incomplete, whatever has taken its place.
# Names at the top; databases count at any depth.
_NEEDED_AT_TOP = (b"", b"host_uuid", b"proc", b"backend")

# A database consists of pages of at least this size; a file of another length is not opened to look for its magic.
_SMALLEST_PAGE = 512
_ENDINGS = (b".db", b".sqlite", b".sqlite3")

_SCRATCH = os.fsencode(databases_child.SCRATCH_PREFIX)
# The data before a restore, where the directory is a mount point.
_ASIDE = os.fsencode(directory_swap.INSIDE)
_STAGED = tuple(ending.encode() for ending in (directory.STAGED, directory.KEPT))


def is_needed(path: str, directories: Sequence[str]) -> bool:
    """Whether a host cannot be restored without `path`: one of the data `directories`, its identity or a database."""
    top = next((each for each in directories if storage.is_in(path, each)), None)
    below = b"" if top is None else os.fsencode(path)[len(os.fsencode(top)) :].lstrip(b"/")
    return top is not None and (below in _NEEDED_AT_TOP or below.rpartition(b"/")[2] == DATABASE_NAME)


class DataDirectory:
    """Teleport's data at `path`, a path on the instance. Use as a context manager while the archive is written.

    With `allow_damaged`, the files of a damaged database are archived as they are, with a note; otherwise it is left
    out, and the archive is incomplete, as without anything else that cannot be read.
    """

    def __init__(self, root: paths.Root, path: str, *, allow_damaged: bool = False) -> None:
        self.path = path
        self._top = os.fsencode(path)
        self._shown = root.path(path)
        self._allow_damaged = allow_damaged
        self._damaged: dict[bytes, str] = {}
        self._parent: tuple[bytes, int] | None = None
        self._unreadable = ""
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> DataDirectory:
        try:
            self._descriptor = os.open(self._shown, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            self._unreadable = walk.unreadable(self.path, error)
            return self
        self._resources.callback(os.close, self._descriptor)
        self._resources.callback(self._forget_parent)
        self._owner = os.fstat(self._descriptor).st_uid
        self._copier = self._resources.enter_context(databases.Copier(self._descriptor, self._shown))
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def tree(self) -> interface.Tree:
        """The directory as a tree of the archive."""
        return interface.Tree(
            self.path, hostile=True, choose=self._choose, needed=lambda path: is_needed(path, (self.path,))
        )

    def _choose(self, path: str, facts: os.stat_result) -> interface.Choice:
        below = os.fsencode(path)[len(self._top) :].lstrip(b"/")
        if not below:
            return interface.Leave(self._unreadable, missing=True) if self._unreadable else interface.TAKE
        if stat.S_ISSOCK(facts.st_mode) or self._is_transient(below):
            return interface.Leave()
        # A hard link to a file of another account: the archive leaves it out, with a note.
        if not stat.S_ISREG(facts.st_mode) or (facts.st_nlink > 1 and facts.st_uid != self._owner):
            return interface.TAKE
        base = next((below[: -len(each)] for each in databases.COMPANIONS if below.endswith(each)), None)
        if base is not None and base not in self._damaged and self._is_database_at(base):
            return interface.Leave()
        if base is None and self._is_database(below, facts):
            return self._copy_of(below)
        return interface.TAKE

    def _is_transient(self, below: bytes) -> bool:
        name = below.rpartition(b"/")[2]
        if (name.startswith(b".") and name.endswith(_STAGED)) or name.endswith(b".pid"):
            return True
        return name == below and (name in _LEFT_AT_TOP or name.startswith((_SCRATCH, _ASIDE)))

    def _is_database(self, below: bytes, facts: os.stat_result) -> bool:
        if facts.st_size == 0 or not stat.S_ISREG(facts.st_mode):
            return False
        if below.rpartition(b"/")[2] == DATABASE_NAME:
            return True
        if facts.st_size % _SMALLEST_PAGE and not below.endswith(_ENDINGS):
            return False
        return self._head(below) == databases.MAGIC

    def _is_database_at(self, below: bytes) -> bool:
        try:
            parent, name = self._parent_of(below)
            return self._is_database(below, os.stat(name, dir_fd=parent, follow_symlinks=False))
        except OSError:
            return False

    def _copy_of(self, below: bytes) -> interface.Choice:
        if not self._allow_damaged:
            return interface.Instead(partial(self._copied, below))
        # Whether it is damaged decides about the files beside it, which come next.
        try:
            descriptor = self._copied(below)
        except interface.Gone as gone:
            return interface.Leave(str(gone))
        except errors.DatabaseDamaged as error:
            self._damaged[below] = error.message
            return interface.Instead(partial(self._raw, below), note=f"{error.message}; archived as it is")
        except errors.FileTrouble as error:
            return interface.Leave(error.message, missing=True)
        return interface.Instead(lambda: descriptor)

    def _copied(self, below: bytes) -> int:
        try:
            self._require_no_lease(below)
            return self._copier.copy(below)
        except errors.BootstrapError:
            if self._is_gone(below):
                raise interface.Gone("it vanished, or was replaced, before it was read") from None
            raise

    def _require_no_lease(self, below: bytes) -> None:
        """Raise FileTrouble where opening the file would stop the child: another process holds a lease on it."""
        try:
            os.close(self._open(below))
        except OSError as error:
            shown = f"{self._shown}/{os.fsdecode(below)}"
            raise errors.FileTrouble(f"the database {shown} {walk.unreadable(shown, error)}") from None

    def _is_gone(self, below: bytes) -> bool:
        try:
            parent, name = self._parent_of(below)
            return not stat.S_ISREG(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        except OSError:
            return True

    def _raw(self, below: bytes) -> int:
        """Return the descriptor of a byte-by-byte copy of a database that SQLite cannot read."""
        try:
            source = self._open(below)
        except OSError as error:
            raise errors.FileTrouble(f"it cannot be opened: {error.strerror}") from None
        try:
            facts = os.fstat(source)
            if not stat.S_ISREG(facts.st_mode) or (facts.st_nlink > 1 and facts.st_uid != self._owner):
                raise interface.Gone("it was replaced before it was read")
            # Unnamed, and on the same disk, which has room for databases; no other account can reach it.
            with tempfile.TemporaryFile(dir=f"/proc/self/fd/{self._descriptor}") as copy:
                left = facts.st_size
                while left and (block := os.read(source, min(left, 1024 * 1024))):
                    copy.write(block)
                    left -= len(block)
                copy.seek(0)
                return os.dup(copy.fileno())
        except OSError as error:
            raise errors.FileTrouble(
                f"{self._shown}/{os.fsdecode(below)} cannot be copied: {error.strerror}",
                hint=f"Check the free space in {self._shown}.",
            ) from None
        finally:
            os.close(source)

    def _head(self, below: bytes) -> bytes:
        """Return the first bytes of a file, none where it cannot be read; archiving it reports the error."""
        with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
            descriptor = self._open(below)
            opened.callback(os.close, descriptor)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return os.pread(descriptor, len(databases.MAGIC), 0)
        return b""

    def _open(self, below: bytes) -> int:
        parent, name = self._parent_of(below)
        # Archiving the file waits for a lease.
        return regular_file.opened(name, directory=parent, lease_seconds=0)

    def _parent_of(self, below: bytes) -> tuple[int, bytes]:
        """Return the open directory of `below`, and its name there, without following any link.

        The last directory stays open, because files come directory by directory. Raises OSError.
        """
        directory, _, name = below.rpartition(b"/")
        if not directory:
            return self._descriptor, name
        if self._parent is None or self._parent[0] != directory:
            self._forget_parent()
            opened = os.dup(self._descriptor)
            for part in directory.split(b"/"):
                try:
                    inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=opened)
                finally:
                    os.close(opened)
                opened = inner
            self._parent = (directory, opened)
        return self._parent[1], name

    def _forget_parent(self) -> None:
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None
