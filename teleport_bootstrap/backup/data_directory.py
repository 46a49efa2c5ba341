"""What goes into a backup of Teleport's data: its databases as copies, everything else as it is, but for what passes.

Left out are sockets, pid files, caches, and what SQLite keeps beside a database. Unsent recordings and events under
`log/` are data like any other.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from functools import partial
from types import TracebackType
from typing import Optional

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup import databases, databases_child
from teleport_bootstrap.change import changeset, exchange

# What Teleport makes anew: a copy of the cluster's resources, as proxies and nodes keep it.
CACHES = (b"cache",)
# What a file system has at its top, where the data is on a volume of its own.
FILE_SYSTEM = b"lost+found"
PID_ENDING = b".pid"

# What Teleport calls its databases. One of that name is expected to be one whatever it begins with.
DATABASE_NAME = b"sqlite.db"

# A database is a number of pages, of which the smallest has this size: what is not is not even looked into.
_SMALLEST_PAGE = 512
_ENDINGS = (b".db", b".sqlite", b".sqlite3")

_COMPANIONS = tuple(companion.encode() for companion in databases.COMPANIONS)
_SCRATCH = os.fsencode(databases_child.SCRATCH_PREFIX)
# What a restore has put aside where the directory is a mount point.
_ASIDE = os.fsencode(exchange.INSIDE)
_STAGED = tuple(ending.encode() for ending in (changeset.STAGED, changeset.KEPT))


class DataDirectory:
    """Teleport's data at `path`, a path on the instance. Use as a context manager while the archive is written.

    With `allow_damaged`, a database that is damaged is archived as the files that it consists of, with a note;
    otherwise it ends the backup.
    """

    def __init__(self, root: paths.Root, path: str, *, allow_damaged: bool = False) -> None:
        self.path = path
        self._top = os.fsencode(path)
        self._shown = root.path(path)
        self._allow_damaged = allow_damaged
        self._damaged: dict[bytes, str] = {}
        self._parent: Optional[tuple[bytes, int]] = None
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> DataDirectory:
        try:
            self._descriptor = os.open(self._shown, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise errors.FileTrouble(
                f"{self._shown} cannot be read: {error.strerror}", hint="Run as root, and look what is there."
            ) from None
        self._resources.callback(os.close, self._descriptor)
        self._resources.callback(self._forget_parent)
        self._owner = os.fstat(self._descriptor).st_uid
        self._copier = self._resources.enter_context(databases.Copier(self._descriptor, self._shown))
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._resources.close()

    @property
    def tree(self) -> interface.Tree:
        """Return it as a tree of the archive."""
        return interface.Tree(self.path, hostile=True, choose=self._choose)

    def _choose(self, path: str, facts: os.stat_result) -> interface.Choice:
        below = os.fsencode(path)[len(self._top) :].lstrip(b"/")
        if not below:
            return interface.TAKE
        if stat.S_ISSOCK(facts.st_mode) or self._passes(below):
            return interface.Leave()
        # One with other names may be anybody's, linked in here: the archive leaves it out and says so.
        if not stat.S_ISREG(facts.st_mode) or (facts.st_nlink > 1 and facts.st_uid != self._owner):
            return interface.TAKE
        base = next((below[: -len(each)] for each in _COMPANIONS if below.endswith(each)), None)
        if base is not None and base not in self._damaged and self._is_database_at(base):
            return interface.Leave()
        if base is None and self._is_database(below, facts):
            return self._copy_of(below)
        return interface.TAKE

    def _passes(self, below: bytes) -> bool:
        name = below.rpartition(b"/")[2]
        is_staged = name.startswith(b".") and name.endswith(_STAGED)
        is_at_top = name == below
        return (
            is_staged
            or name.endswith(PID_ENDING)
            or (is_at_top and (name in (*CACHES, FILE_SYSTEM) or name.startswith((_SCRATCH, _ASIDE))))
        )

    def _is_database(self, below: bytes, facts: os.stat_result) -> bool:
        if facts.st_size == 0 or not stat.S_ISREG(facts.st_mode):
            return False
        if below.rpartition(b"/")[2] == DATABASE_NAME:
            return True
        if facts.st_size % _SMALLEST_PAGE and not below.endswith(_ENDINGS):
            return False
        return databases.is_database(self._head(below))

    def _is_database_at(self, below: bytes) -> bool:
        try:
            parent, name = self._parent_of(below)
            return self._is_database(below, os.stat(name, dir_fd=parent, follow_symlinks=False))
        except OSError:
            return False

    def _copy_of(self, below: bytes) -> interface.Choice:
        if not self._allow_damaged:
            return interface.Instead(partial(self._copied, below))
        # Whether it is damaged decides about what lies beside it, which has its turn next.
        try:
            descriptor = self._copied(below)
        except interface.Gone as gone:
            return interface.Leave(str(gone))
        except errors.DatabaseDamaged as error:
            self._damaged[below] = error.message
            return interface.Instead(partial(self._raw, below), note=f"{error.message}; it is here as it was found")
        return interface.Instead(lambda: descriptor)

    def _copied(self, below: bytes) -> int:
        try:
            return self._copier.copy(below)
        except errors.BootstrapError:
            if self._is_gone(below):
                raise interface.Gone("it was gone, or something else, when its turn had come") from None
            raise

    def _is_gone(self, below: bytes) -> bool:
        try:
            parent, name = self._parent_of(below)
            return not stat.S_ISREG(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        except OSError:
            return True

    def _raw(self, below: bytes) -> int:
        """Return the descriptor of a copy of the file as it is: what is left of a database that SQLite cannot read."""
        try:
            parent, name = self._parent_of(below)
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        except OSError as error:
            raise interface.Gone(error.strerror or "it cannot be opened") from None
        try:
            facts = os.fstat(source)
            if not stat.S_ISREG(facts.st_mode) or (facts.st_nlink > 1 and facts.st_uid != self._owner):
                raise interface.Gone("it was something else when its turn had come")
            # Beside the original, under no name: there is room, and nobody else can reach it.
            with tempfile.TemporaryFile(dir=f"/proc/self/fd/{self._descriptor}") as copy:
                left = facts.st_size
                while left:
                    block = os.read(source, min(left, 1024 * 1024))
                    if not block:
                        break
                    copy.write(block)
                    left -= len(block)
                copy.flush()
                copy.seek(0)
                return os.dup(copy.fileno())
        except OSError as error:
            raise errors.FileTrouble(
                f"{self._shown}/{os.fsdecode(below)} cannot be copied: {error.strerror}",
                hint=f"Look at the space in {self._shown}.",
            ) from None
        finally:
            os.close(source)

    def _head(self, below: bytes) -> bytes:
        """Return how a file begins; nothing where it cannot be read, which whoever archives it tells."""
        try:
            parent, name = self._parent_of(below)
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        except OSError:
            return b""
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return b""
            return os.pread(descriptor, len(databases.MAGIC), 0)
        except OSError:
            return b""
        finally:
            os.close(descriptor)

    def _parent_of(self, below: bytes) -> tuple[int, bytes]:
        """Return the open directory that `below` is in, and its name there; no link on the way is followed.

        The last one stays open: files come directory by directory. Raises OSError.
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
