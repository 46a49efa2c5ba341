"""Finding the files of a tree that may change meanwhile, in the order of an archive, without following any link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.archive.tar import LONGEST_NAME
from teleport_bootstrap.hints import NamedTuple

# Each level takes an open descriptor, of which a process has 1024 by default.
DEEPEST = 256

# A character of a path has at most four bytes.
_SURELY_SHORT = LONGEST_NAME // 4

# Called with a path, the reason why it is not in the archive, and whether it belongs in it.
Note = Callable[[str, str, bool], None]

# Errors for a name that has vanished, or is no longer what it was a moment ago.
VANISHED = (errno.ENOENT, errno.ESTALE)
REPLACED = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ENODEV)

# Errors of this process or machine, not of one file: every other file would fail too.
_GENERAL = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

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


class _Level(NamedTuple):
    """An open directory at `path`, and the names in it that were not looked at yet."""

    descriptor: int
    path: str
    names: Iterator[str]


def walk(root: paths.Root, tree: interface.Tree, note: Note) -> Iterator[Found]:
    """Yield all that is to be archived of `tree`, parents before children, names in the order of their bytes.

    Descriptors are closed when the next one is requested. What cannot be read is left out, with a note that it is
    missing. Raises FileTrouble where this process cannot read any file, and for a link in place of the tree.
    """
    parent, name = os.path.split(tree.path)
    try:
        top = os.open(root.path(parent), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        note(tree.path, unreadable(tree.path, error), True)
        return
    # The open directories down to the current one, each with the names in it that come next.
    levels = [_Level(top, parent.rstrip("/"), iter([name]))]
    try:
        while levels:
            level = levels[-1]
            name = next(level.names, "")
            if not name:
                os.close(levels.pop().descriptor)
                continue
            found = _look(tree, f"{level.path}/{name}", level.descriptor, name, note)
            if found is None:
                continue
            if found.descriptor != -1:
                levels.append(_Level(found.descriptor, found.path, iter(())))
            yield found
            if found.descriptor == -1:
                continue
            if len(levels) > DEEPEST:
                if not _is_empty(found.descriptor):
                    note(found.path, f"is more than {DEEPEST} directories deep; what is in it was left out", True)
                continue
            try:
                inside = sorted(os.listdir(found.descriptor), key=os.fsencode)
            except OSError as error:
                note(found.path, f"what is in it was left out: it {unreadable(found.path, error)}", True)
                continue
            levels[-1] = levels[-1]._replace(names=iter(inside))
    finally:
        for each in levels:
            os.close(each.descriptor)


def _look(tree: interface.Tree, path: str, parent: int, name: str, note: Note) -> Found | None:
    is_top = path == tree.path
    try:
        facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno not in VANISHED:
            note(path, unreadable(path, error), True)
        elif not is_top:
            note(path, "vanished before it was read", False)
        return None
    if is_top and stat.S_ISLNK(facts.st_mode):
        raise errors.FileTrouble(
            f"{path} is a symbolic link: what it leads to would not be in the backup",
            hint="Replace it by the directory or file itself, for example with a bind mount.",
        )
    choice = tree.choose(path, facts)
    kind = stat.S_IFMT(facts.st_mode)
    is_missing = False
    if isinstance(choice, interface.Leave):
        why, is_missing = choice.note, choice.missing
    elif len(path) > _SURELY_SHORT and len(os.fsencode(path)) > LONGEST_NAME + 1:
        why, is_missing = f"has a path of more than {LONGEST_NAME} bytes; left out", True
    elif kind in (stat.S_IFREG, stat.S_IFLNK):
        return Found(path, parent, name, facts, choice)
    elif kind != stat.S_IFDIR:
        why = f"is {_KINDS.get(kind, 'a device')}; left out"
    else:
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=parent)
            return Found(path, parent, name, os.fstat(descriptor), choice, descriptor)
        except OSError as error:
            is_missing = error.errno not in VANISHED + REPLACED
            why = unreadable(path, error) if is_missing else "vanished, or became something else, before it was read"
    if why:
        note(path, why, is_missing)
    return None


def _is_empty(directory: int) -> bool:
    try:
        with os.scandir(directory) as names:
            return next(names, None) is None
    except OSError:
        return False


def unreadable(path: str, error: OSError) -> str:
    """Return why `path` is left out, which `error` prevents from being read.

    Raises FileTrouble where the error is not of this file: all others would be left out too.
    """
    if error.errno in _GENERAL:
        raise errors.FileTrouble(
            f"{interface.printable(path)} cannot be read: {error.strerror}",
            hint="No backup was made. Check the free memory, and the limit of open files.",
        ) from None
    return f"cannot be read: {error.strerror or type(error).__name__}"
