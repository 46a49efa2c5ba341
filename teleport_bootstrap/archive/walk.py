"""Finding the files of a tree that may change meanwhile, in the order of an archive, without following any link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.archive.tar import LONGEST_NAME

# Each level takes an open descriptor, of which a process has 1024 by default.
DEEPEST = 256

# Called with a path and the reason why it is not in the archive.
Note = Callable[[str, str], None]

# Errors for a name that has vanished, or is no longer what it was a moment ago.
VANISHED = (errno.ENOENT, errno.ESTALE)
REPLACED = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ENODEV)

_KINDS = {stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a named pipe"}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Found(NamedTuple):
    """A file to archive: `name` in the open directory `parent`; `descriptor` is open on a directory, else -1."""

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
    try:
        yield from _below(tree, top, parent.rstrip("/"), [name], 1, note)
    finally:
        os.close(top)


def _below(  # noqa: PLR0917
    tree: interface.Tree, parent: int, base: str, names: list[str], depth: int, note: Note
) -> Iterator[Found]:
    for name in names:
        found = _look(tree, f"{base}/{name}", parent, name, note)
        if found is None:
            continue
        if found.descriptor == -1:
            yield found
            continue
        try:
            yield found
            if depth >= DEEPEST:
                note(found.path, f"is more than {DEEPEST} directories deep; what is in it was left out")
                continue
            try:
                inside = sorted(os.listdir(found.descriptor), key=os.fsencode)
            except OSError as error:
                raise trouble(found.path, error) from None
            yield from _below(tree, found.descriptor, found.path, inside, depth + 1, note)
        finally:
            os.close(found.descriptor)


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
    kind = stat.S_IFMT(facts.st_mode)
    if isinstance(choice, interface.Leave):
        why = choice.note
    elif len(os.fsencode(path)) > LONGEST_NAME + 1:
        why = f"has a path of more than {LONGEST_NAME} bytes; left out"
    elif kind in (stat.S_IFREG, stat.S_IFLNK):
        return Found(path, parent, name, facts, choice)
    elif kind != stat.S_IFDIR:
        why = f"is {_KINDS.get(kind, 'a device')}; left out"
    else:
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=parent)
            return Found(path, parent, name, os.fstat(descriptor), choice, descriptor)
        except OSError as error:
            if error.errno not in VANISHED + REPLACED:
                raise trouble(path, error) from None
            why = "vanished, or became something else, before it was read"
    if why:
        note(path, why)
    return None


def trouble(path: str, error: OSError) -> errors.FileTrouble:
    """Return the error for a `path` that cannot be read."""
    return errors.FileTrouble(
        f"{interface.printable(path)} cannot be read: {error.strerror}",
        hint="No backup was made. Run as root, and check the disk and what is mounted there.",
    )
