"""Whole directories that take the place of others, in a way that can be undone.

Where the directory is a mount point it cannot be renamed: then its entries are moved, one by one, to a directory inside
it, and the new ones out of another.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import itertools
import os
from collections.abc import Iterable, Iterator

from teleport_bootstrap import errors, log, paths
from teleport_bootstrap.host import directory, tree
from teleport_bootstrap.records import dataclass, replace

logger = log.Logger(__name__)

# What a volume's own file system has in its root; it belongs to the volume and not to what is on it.
VOLUMES_OWN = ("lost+found",)

# The directories inside a mount point that hold its new, old and undone entries.
INSIDE = ".teleport-bootstrap-restore-"
_ENTRIES = "entries"

# In the directory that holds the old entries of a mount point, once it holds all of them.
_MARK = ".teleport-bootstrap-complete"

# The words in the names of directories: being made; replaced by a restore; replaced by its undo; replaced by
# `reconfigure --reset-data`; undone because Teleport was unhealthy with it.
NEW, BEFORE_RESTORE, BEFORE_UNDO = "restoring", "before-restore", "before-undo"
RESET, FAILED = "reset", "failed"
WORDS = (NEW, BEFORE_RESTORE, BEFORE_UNDO, RESET, FAILED)


@dataclass(frozen=True)
class Swap:
    """`staged` takes the place of `target`, which from then on is at `kept`; paths as the instance sees them.

    All three are on one file system. Where `is_mount`, `staged` and `kept` are directories in `target`, and entries are
    moved. With `staged` None nothing takes its place. `had` says that there was something at `target`; see `prepared`.
    """

    target: str
    staged: str | None
    kept: str
    is_mount: bool = False
    had: bool = False

    @property
    def emptied(self) -> str | None:
        """The directory that held what was staged and is empty after the swap, if there is one."""
        is_inside = self.staged is not None and self.staged.endswith(f"/{_ENTRIES}")
        return container(self.staged) if self.staged is not None and is_inside else None


def stamp(root: paths.Root, targets: Iterable[str]) -> str:
    """Return the part of directory names that is unique to one change: the time in UTC, and a number if needed."""
    time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    names = (time if number == 1 else f"{time}-{number}" for number in itertools.count(1))
    for name in names:
        places = (container(place(root, top, word, name)) for top in (*targets, paths.DATA) for word in WORDS)
        if not any(os.path.lexists(root.path(each)) for each in places):
            break
    return name


def place(root: paths.Root, target: str, word: str, stamp: str, *, private: bool = False) -> str:
    """Return a path on the file system of `target` for what will take its place, or for what was there.

    It is beside `target`. For a mount point, or where it is to be `private`, it is in a directory only root can enter.
    """
    if directory.is_mount_point(root.path(target)):
        return f"{target}/{INSIDE}{word}-{stamp}/{_ENTRIES}"
    return f"{target}.{word}-{stamp}" + (f"/{_ENTRIES}" if private else "")


def container(path: str) -> str:
    """Return what has to be removed to remove `path`, which `place` returned, with the private directory around it."""
    parent, name = os.path.split(path)
    return parent if name == _ENTRIES else path


def make_room(root: paths.Root, staged: str) -> None:
    """Make the directory in which `staged`, which `place` returned, is to be made. Raises FileTrouble."""
    parent, name = os.path.split(staged)
    shown = root.path(parent)
    with errors.file_trouble_at(shown):
        if name != _ENTRIES:
            directory.make(shown)
            return
        directory.make(os.path.dirname(shown))
        with contextlib.closing(directory.Directory(os.path.dirname(shown))) as beside:
            os.mkdir(os.path.basename(parent), mode=0o700, dir_fd=beside.descriptor)


def prepared(root: paths.Root, target: str, staged: str | None, kept: str) -> Swap:
    """Return the swap of `target` as it is on this machine now. Raises FileTrouble."""
    swap = Swap(target, staged, kept, directory.is_mount_point(root.path(target)))
    with errors.file_trouble_at(root.path(target)):
        had = bool(entries(root, target)) if swap.is_mount else os.path.lexists(root.path(target))
    return replace(swap, had=had)


def carry_out(root: paths.Root, swap: Swap) -> None:
    """Put what is staged in its place, durably. Raises FileTrouble, after which `undo` restores what was there."""
    target = root.path(swap.target)
    with errors.file_trouble_at(target):
        if swap.is_mount:
            _exchange_entries(root, swap)
            return
        if swap.had:
            _rename(target, root.path(swap.kept))
        if swap.staged is not None:
            directory.make(os.path.dirname(target))
            _rename(root.path(swap.staged), target)


def is_in_place(root: paths.Root, swap: Swap) -> bool:
    """Whether all of what was staged is at `target`, after `carry_out`, and `undo` has not begun."""
    if swap.is_mount:
        return os.path.lexists(root.path(f"{swap.kept}/{_MARK}"))
    return os.path.lexists(root.path(swap.kept if swap.had else swap.target))


def undo(root: paths.Root, swap: Swap) -> None:
    """Restore what was there before `carry_out`, however far it came; can be repeated. Raises FileTrouble."""
    target, kept = root.path(swap.target), root.path(swap.kept)
    staged = root.path(swap.staged) if swap.staged is not None else None
    with errors.file_trouble_at(target):
        if swap.is_mount:
            _return_entries(root, swap)
            return
        # Only then has what is at `target` come from the staging place.
        is_new = os.path.lexists(kept) == swap.had and staged is not None and not os.path.lexists(staged)
        if is_new and staged is not None and os.path.lexists(target):
            _rename(target, staged)
        if swap.had and os.path.lexists(kept):
            if os.path.lexists(target):
                _rename(target, root.path(_place_aside(root, swap.target)))
            _rename(kept, target)


def remove(root: paths.Root, path: str) -> None:
    """Remove a directory or file with all that is in it, and follow no link; nothing where it is absent.

    Raises FileTrouble, after everything else in it is removed.
    """
    target = root.path(path)
    try:
        tree.remove(target)
    except OSError as error:
        raise errors.FileTrouble(
            f"{target} cannot be removed: {error.strerror}",
            hint="Look for what is mounted in it (`findmnt`) and for immutable files (`lsattr -R`).",
        ) from None


def entries(root: paths.Root, mount_point: str) -> list[str]:
    """Return the names in a mount point except those of the volume and of this agent's directories."""
    return sorted(
        name for name in os.listdir(root.path(mount_point)) if name not in VOLUMES_OWN and not name.startswith(INSIDE)
    )


def _rename(old: str, new: str) -> None:
    os.rename(old, new)
    for parent in dict.fromkeys((os.path.dirname(old), os.path.dirname(new))):
        directory.sync(parent)


def _exchange_entries(root: paths.Root, swap: Swap) -> None:
    with _opened(root, swap) as (mount, staged, kept):
        new = () if staged is None else [name for name in staged.names() if name not in (*VOLUMES_OWN, _MARK)]
        _move(entries(root, swap.target), mount, kept)
        kept.sync()
        # What was moved out is on the disk before anything is moved in: then no entry is lost between the two.
        mount.sync()
        # The mark says that everything old is out, so that what is there from now on is new.
        kept.create(_MARK, b"", mode=0o600, uid=-1, gid=-1)
        kept.sync()
        if staged is not None:
            _move(sorted(new), staged, mount)
        mount.sync()


def _return_entries(root: paths.Root, swap: Swap) -> None:
    if not os.path.lexists(root.path(swap.kept)):
        return
    with _opened(root, swap) as (mount, staged, kept):
        if kept.exists(_MARK):
            if staged is not None:
                # What is there now is new, all of it.
                _move(entries(root, swap.target), mount, staged)
            mount.sync()
            kept.unlink(_MARK)
            kept.sync()
        in_the_way = [name for name in kept.names() if mount.exists(name)]
        if in_the_way:
            _set_aside(root, swap.target, mount, in_the_way)
        _move(list(kept.names()), kept, mount)
        mount.sync()
    remove(root, container(swap.kept))
    directory.sync(root.path(swap.target))


def _place_aside(root: paths.Root, target: str) -> str:
    """Return where to keep what was made at `target` while an undo that had failed was not repeated yet."""
    aside = place(root, target, FAILED, stamp(root, [target]))
    logger.warning("%s was made while a change was half undone; it is kept in %s", root.path(target), root.path(aside))
    return aside


def _set_aside(root: paths.Root, target: str, mount: directory.Directory, names: Iterable[str]) -> None:
    with contextlib.ExitStack() as stack:
        aside = _open_inside(stack, mount, _place_aside(root, target), make=True)
        assert aside is not None  # noqa: S101 - it is made
        _move(names, mount, aside)
        aside.sync()


def _move(names: Iterable[str], source: directory.Directory, target: directory.Directory) -> None:
    for name in names:
        os.rename(name, name, src_dir_fd=source.descriptor, dst_dir_fd=target.descriptor)


@contextlib.contextmanager
def _opened(
    root: paths.Root, swap: Swap
) -> Iterator[tuple[directory.Directory, directory.Directory | None, directory.Directory]]:
    """Open the mount point, what is staged in it, and what is kept, which is made where it is absent.

    Step by step: the mount point may belong to Teleport's account, which could put a link in the place of ours.
    """
    with contextlib.ExitStack() as stack:
        mount = stack.enter_context(contextlib.closing(directory.Directory(root.path(swap.target))))
        kept = _open_inside(stack, mount, swap.kept, make=True)
        staged = None if swap.staged is None else _open_inside(stack, mount, swap.staged, make=False)
        assert kept is not None  # noqa: S101 - it is made
        yield mount, staged, kept


def _open_inside(
    stack: contextlib.ExitStack, mount: directory.Directory, path: str, *, make: bool
) -> directory.Directory | None:
    found = mount
    for name in (os.path.basename(os.path.dirname(path)), _ENTRIES):
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, mode=0o700, dir_fd=found.descriptor)
        try:
            found = stack.enter_context(contextlib.closing(directory.Directory(name, within=found)))
        except FileNotFoundError:
            return None
        # What is staged belongs to Teleport's account already; the private directory around it does not.
        if name != _ENTRIES and os.fstat(found.descriptor).st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, f"{name} belongs to another account")
    return found
