"""Walking through and removing whole trees, however deep and wide they are, relative to descriptors.

Teleport's account can make a tree of thousands of levels, for which no path is long enough, and exchange its
directories while root is in it. So nothing here recurses or uses a path, only a few directories are open at a time, and
the way up leads only to the very directory that was left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence

from teleport_bootstrap.hints import Any, NamedTuple
from teleport_bootstrap.records import dataclass, field

# Levels that stay open, below which a directory is reached again by `..`: a process has 1024 descriptors by default.
_MOST_OPEN = 32
# What cannot be removed is skipped, up to so many names.
_MOST_FAILURES = 1000
# How often a directory is read to its end while there is something to remove in it.
_MOST_ROUNDS = 10

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Errors for a directory that has vanished, or is something else by now.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Entry(NamedTuple):
    """Something below a directory: `name` in the open directory `parent`, with `depth` directories above it.

    `path` is relative to the top; it is empty in a walk without `deepest`, where it could be of any length.
    """

    parent: int
    name: str
    facts: os.stat_result
    depth: int
    path: str = ""


def walk(top: int, *, deepest: int | None = None) -> Iterator[Entry]:
    """Yield everything below the open directory `top`, a directory before what is in it; no link is followed.

    `parent` is open until the next entry is requested. Entries in `top` have the depth 0; none with more than `deepest`
    is yielded. What vanishes meanwhile is left out. Raises OSError where a directory cannot be read, or was moved while
    something in it was read.
    """
    levels = [_Visited("", os.dup(top))]
    try:
        yield from levels[0].enter(0, None if deepest is None else "")
        while levels:
            level = levels[-1]
            if not level.below or len(levels) - 1 == deepest:
                _leave(levels)
                continue
            name = level.below.pop()
            try:
                levels.append(_Visited(name, os.open(name, _FOLDER, dir_fd=level.descriptor)))
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                continue
            _close_above(levels)
            folder = None if deepest is None else "".join(f"{each.name}/" for each in levels[1:])
            yield from levels[-1].enter(len(levels) - 1, folder)
    finally:
        _close_all(levels)


def remove(name: str, *, directory: int | None = None) -> None:
    """Remove `name`, in the open `directory` if one is given, with all that is in it; nothing where it is absent.

    Each directory is taken from its owner first, who could add to it without end. The names in a directory are not kept
    in memory. Everything that can be removed is removed; then the first error is raised, an OSError.
    """
    try:
        if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=directory)
            return
        levels = [_Emptied(name, os.open(name, _FOLDER, dir_fd=directory))]
    except FileNotFoundError:
        return
    failures = _Failures()
    try:
        levels[0].seize()
        while levels:
            inner = levels[-1].empty(failures)
            if inner is not None:
                levels.append(inner)
                _close_above(levels)
                continue
            done = levels[-1]
            _leave(levels)
            if levels:
                try:
                    os.rmdir(done.name, dir_fd=levels[-1].descriptor)
                except OSError as error:
                    failures.add(levels[-1], done.name, error)
    finally:
        _close_all(levels)
    if failures.first is not None:
        raise failures.first
    os.rmdir(name, dir_fd=directory)


@dataclass
class _Level:
    """A directory on the way down; `descriptor` is -1 while it is closed, and `identity` tells it from others."""

    name: str
    descriptor: int
    identity: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.identity = _identity(self.descriptor)

    def close(self) -> None:
        if self.descriptor != -1:
            os.close(self.descriptor)
            self.descriptor = -1


@dataclass
class _Visited(_Level):
    """A directory whose entries were yielded; `below` are the directories in it that were not entered yet."""

    below: list[str] = field(default_factory=list)

    def enter(self, depth: int, folder: str | None) -> Iterator[Entry]:
        for name in os.listdir(self.descriptor):
            try:
                facts = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(facts.st_mode):
                self.below.append(name)
            yield Entry(self.descriptor, name, facts, depth, "" if folder is None else folder + name)


@dataclass
class _Failures:
    """What could not be removed; `first` is the first error."""

    first: OSError | None = None
    count: int = 0

    def add(self, level: _Emptied, name: str, error: OSError) -> None:
        level.failed.add(name)
        self.first = self.first or error
        self.count += 1
        if self.count > _MOST_FAILURES:
            raise self.first


@dataclass
class _Emptied(_Level):
    """A directory that is being emptied: where reading it goes on, and the names that cannot be removed."""

    names: Any = None
    failed: set[str] = field(default_factory=set)
    rounds: int = 0
    has_changed: bool = False

    def close(self) -> None:
        self._stop_reading()
        super().close()

    def _stop_reading(self) -> None:
        if self.names is not None:
            self.names.close()
            self.names = None

    def seize(self) -> None:
        """Keep others out: even an owner with a descriptor of this directory can add nothing from now on."""
        with contextlib.suppress(PermissionError):  # not root, who alone may
            facts = os.fstat(self.descriptor)
            if os.geteuid() == 0 and facts.st_uid != 0:
                os.fchown(self.descriptor, 0, 0)
            if stat.S_IMODE(facts.st_mode) != 0o700:
                os.fchmod(self.descriptor, 0o700)

    def empty(self, failures: _Failures) -> _Emptied | None:
        """Remove what is in it; return a directory in it that has content, and None where nothing is left to do.

        Reading a directory while it changes can miss names, so that it is read again as long as there are some.
        """
        while self.rounds < _MOST_ROUNDS:
            if self.names is None:
                self.names = os.scandir(self.descriptor)
            for entry in self.names:
                if entry.name in self.failed:
                    continue
                self.has_changed = True
                try:
                    if not self._is_removed(entry.name):
                        return self._inner(entry.name)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    failures.add(self, entry.name, error)
            self._stop_reading()
            if not self.has_changed:
                break
            self.has_changed = False
            self.rounds += 1
        return None

    def _is_removed(self, name: str) -> bool:
        """Remove a file or an empty directory; return False for a directory with content. Raises OSError."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except IsADirectoryError:
            try:
                os.rmdir(name, dir_fd=self.descriptor)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    return False
                raise  # a mounted file system is busy
        return True

    def _inner(self, name: str) -> _Emptied:
        inner = _Emptied(name, os.open(name, _FOLDER, dir_fd=self.descriptor))
        inner.seize()
        return inner


def _identity(descriptor: int) -> tuple[int, int]:
    facts = os.fstat(descriptor)
    return facts.st_dev, facts.st_ino


def _close_above(levels: Sequence[_Level]) -> None:
    """Close the directory above the last one, unless it is one of those that stay open."""
    if len(levels) > _MOST_OPEN:
        levels[-2].close()


def _leave(levels: list[Any]) -> None:
    """Close the last directory, and open the one above it again where it is closed. Raises OSError."""
    if len(levels) > 1 and levels[-2].descriptor == -1:
        descriptor = os.open("..", _FOLDER, dir_fd=levels[-1].descriptor)
        if _identity(descriptor) != levels[-2].identity:
            os.close(descriptor)
            raise OSError(errno.ESTALE, "a directory was moved while it was read")
        levels[-2].descriptor = descriptor
    levels.pop().close()


def _close_all(levels: Sequence[_Level]) -> None:
    for each in levels:
        each.close()
