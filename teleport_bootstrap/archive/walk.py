"""Finding the files of a tree that may change meanwhile, in the order of an archive, without following any link."""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.archive.tar import LONGEST_NAME

# Each level takes an open descriptor, of which a process has 1024 by default.
DEEPEST = 256

# Called with a path and the reason why it is not, or not quite, in the archive.
Note = Callable[[str, str], None]

# Errors for a name that has vanished, or is no longer what it was a moment ago.
VANISHED = (errno.ENOENT, errno.ESTALE)
REPLACED = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENODEV)


@dataclass(frozen=True)
class Found:
    """A file to archive: `name` in the open directory `parent`.

    `descriptor` is open on a directory, and -1 for anything else.
    """

    path: str
    parent: int
    name: str
    facts: os.stat_result
    choice: interface.Take | interface.Instead
    descriptor: int = -1


def walk(root: paths.Root, tree: interface.Tree, note: Note) -> Iterator[Found]:
    """Yield all that is to be archived of `tree`, parents before children, names in the order of their bytes.

    Descriptors are closed when the next one is requested. Raises FileTrouble where something cannot be read.
    """
    parent, name = os.path.split(tree.path)
    try:
        top = os.open(root.path(parent), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise trouble(parent, error) from None
    levels = [(top, parent.rstrip("/"), iter([name]))]
    try:
        while levels:
            descriptor, base, names = levels[-1]
            below = None
            for each in names:
                found = _look(tree, f"{base}/{each}", descriptor, each, note)
                if found is None:
                    continue
                if found.descriptor == -1:
                    yield found
                    continue
                levels.append((found.descriptor, found.path, iter(())))
                yield found
                below = _names(found.descriptor, found.path)
                levels[-1] = (found.descriptor, found.path, below)
                if len(levels) > DEEPEST:
                    note(found.path, f"is more than {DEEPEST} directories deep; what is in it was left out")
                    levels[-1] = (found.descriptor, found.path, iter(()))
                break
            if below is None:
                os.close(levels.pop()[0])
    finally:
        for descriptor, _, _ in levels:
            os.close(descriptor)


def _names(descriptor: int, path: str) -> Iterator[str]:
    try:
        return iter(sorted(os.listdir(descriptor), key=os.fsencode))
    except OSError as error:
        raise trouble(path, error) from None


def _look(tree: interface.Tree, path: str, parent: int, name: str, note: Note) -> Found | None:
    is_top = path == tree.path
    try:
        facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno not in VANISHED:
            raise trouble(path, error) from None
        if not is_top:
            note(path, "vanished before it was read")
        return None
    if is_top and stat.S_ISLNK(facts.st_mode):
        raise errors.FileTrouble(
            f"{path} is a symbolic link: what it leads to would not be in the backup",
            hint="Replace it by the directory or file itself, for example with a bind mount.",
        )
    choice = tree.choose(path, facts)
    if isinstance(choice, interface.Leave):
        if choice.note:
            note(path, choice.note)
        return None
    if len(os.fsencode(path)) > LONGEST_NAME + 1:
        note(path, f"has a path of more than {LONGEST_NAME} bytes; left out")
        return None
    found = Found(path, parent, name, facts, choice)
    if stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode):
        return found
    if not stat.S_ISDIR(facts.st_mode):
        note(path, f"is {_kind(facts.st_mode)}; left out")
        return None
    return _directory(found, note)


def _directory(found: Found, note: Note) -> Found | None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(found.name, flags, dir_fd=found.parent)
    except OSError as error:
        if error.errno not in VANISHED + REPLACED:
            raise trouble(found.path, error) from None
        note(found.path, "vanished, or became something else, before it was read")
        return None
    return dataclasses.replace(found, facts=os.fstat(descriptor), descriptor=descriptor)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a named pipe"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def trouble(path: str, error: OSError) -> errors.FileTrouble:
    """Return the error for a `path` that cannot be read."""
    return errors.FileTrouble(
        f"{interface.printable(path)} cannot be read: {error.strerror}",
        hint="No backup was made. Run as root, and check the disk and what is mounted there.",
    )
