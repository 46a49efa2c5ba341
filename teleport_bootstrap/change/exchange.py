"""Whole directories put in the place of others, together with a change of files: all of it happens, or none of it.

The order is: `prepare`, make what is staged, `carry_out`, and a changeset whose last word is `conclude`. A run that
dies before that changeset is committed is undone by `recover`; one that dies after it has done everything.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import changeset
from teleport_bootstrap.host import directory, mounts, trouble

# What a volume's own file system has in its root; it belongs to the volume and not to what is on it.
VOLUMES_OWN = ("lost+found",)

# How the directories inside a mount point are called that hold what is to be, what was, and what was given up.
INSIDE = ".teleport-bootstrap-restore-"
_ENTRIES = "entries"


@dataclass(frozen=True)
class Swap:
    """`staged` takes the place of `target`, which from then on is called `kept`; paths as the instance sees them.

    All three are on one file system. Where `target` is a mount point it cannot be renamed: then `is_mount` is true,
    `staged` and `kept` are directories in it, and its entries are exchanged. With `staged` None nothing takes its
    place. `had` says that there was something at `target` before; `carry_out` looks.
    """

    target: str
    staged: str | None
    kept: str
    is_mount: bool = False
    had: bool = False


@dataclass(frozen=True)
class Note:
    """What is under way: paths that are being made, swaps once they have begun, and units to start if it is undone.

    `places` are the directories in which the changeset beside it writes.
    """

    making: tuple[str, ...] = ()
    swaps: tuple[Swap, ...] = ()
    units: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def place(root: paths.Root, target: str, word: str, stamp: str, *, private: bool = False) -> str:
    """Return a path on the file system of `target` for what will take its place, or for what was there.

    Beside it; where it is a mount point, or it is to be `private`, in a directory that only root enters.
    """
    if mounts.is_mount_point(root.path(target)):
        return f"{target}/{INSIDE}{word}-{stamp}/{_ENTRIES}"
    return f"{target}.{word}-{stamp}" + (f"/{_ENTRIES}" if private else "")


def goes_with(staged: str) -> str:
    """Return what is to be removed, where `staged`, of `place`, is not to stay."""
    parent, name = os.path.split(staged)
    return parent if name == _ENTRIES else staged


def make_room(root: paths.Root, staged: str) -> None:
    """Make the directory that `staged`, of `place`, is to be made in. Raises FileTrouble."""
    parent, name = os.path.split(staged)
    shown = root.path(parent)
    with trouble.at(shown):
        if name != _ENTRIES:
            os.makedirs(shown, mode=0o755, exist_ok=True)
            return
        os.makedirs(os.path.dirname(shown), mode=0o755, exist_ok=True)
        with contextlib.closing(directory.Directory(os.path.dirname(shown))) as beside:
            os.mkdir(os.path.basename(parent), mode=0o700, dir_fd=beside.descriptor)


def swap(root: paths.Root, target: str, staged: str | None, kept: str) -> Swap:
    """Return the swap of `target`, as it is on this machine now."""
    return Swap(target, staged, kept, mounts.is_mount_point(root.path(target)))


def prepare(root: paths.Root, making: Sequence[str], *, writing: Sequence[str] = ()) -> None:
    """Note that `making` are about to be made, so that they do not stay for ever, and files `writing` in the end.

    Raises FileTrouble.
    """
    places = dict.fromkeys(os.path.dirname(path) for path in writing)
    _write(root, Note(tuple(making), places=tuple(places)))


def will_stop(root: paths.Root, units: Sequence[str]) -> None:
    """Note that `units` are about to be stopped, so that whoever undoes this starts them. Raises FileTrouble."""
    found = _read(root)
    if found is not None:
        _write(root, replace(found, units=tuple(units)))


def carry_out(root: paths.Root, swaps: Sequence[Swap]) -> None:
    """Put everything that is staged in its place, on the disk.

    Raises FileTrouble, after which `recover` puts back what was there.
    """
    found = _read(root) or Note()
    decided = tuple(_looked_at(root, each) for each in swaps)
    _write(root, replace(found, swaps=decided))
    for each in decided:
        with trouble.at(root.path(each.target)):
            if each.is_mount:
                _exchange_entries(root, each)
            else:
                _exchange(root, each)


def conclude(changes: changeset.Changeset, units: Sequence[str] = ()) -> None:
    """Make it a part of `changes` that the swaps stay; `finish` then removes what is left over. Raises FileTrouble.

    `units` are to be started by whoever finds that this run has come no further.
    """
    found = _read(changes.root) or Note()
    # Emptied by now: what is staged in a mount point is moved out of its directory, name by name.
    emptied = [goes_with(each.staged) for each in found.swaps if each.staged and each.staged.endswith(f"/{_ENTRIES}")]
    left = Note(tuple(dict.fromkeys((*found.making, *emptied))), units=tuple(units), places=found.places)
    changes.write(paths.RESTORE_JOURNAL, _content(left), mode=0o600, owner="root", group="root")


def finish(root: paths.Root) -> None:
    """Remove what is left over of swaps that stay. Raises FileTrouble; then whoever comes next does it."""
    recover(root)


def recover(root: paths.Root) -> Note | None:
    """Undo what was not concluded, and return what it was; None where there is nothing. Raises FileTrouble.

    Whoever is killed in it can begin it again.
    """
    note = _read(root)
    if note is None:
        return None
    for each in reversed(note.swaps):
        with trouble.at(root.path(each.target)):
            if each.is_mount:
                _put_entries_back(root, each)
            else:
                _put_back(root, each)
    for path in note.making:
        remove(root, path)
    with changeset.Changeset(root) as changes:
        changes.sweep(*note.places)
    forget(root)
    return note


def forget(root: paths.Root) -> None:
    """Take the note away, where nothing is under way any more. Raises FileTrouble."""
    with changeset.Changeset(root) as changes:
        changes.remove(paths.RESTORE_JOURNAL)
        changes.commit()


def remove(root: paths.Root, path: str) -> None:
    """Remove a directory or file with all that is in it, and follow no link; nothing where it is absent.

    Raises FileTrouble.
    """
    target = root.path(path)
    with trouble.at(target):
        try:
            facts = os.lstat(target)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(facts.st_mode):
            # It works relative to descriptors, and does not follow links that somebody puts there meanwhile.
            shutil.rmtree(target)
        else:
            os.unlink(target)


def entries(root: paths.Root, mount_point: str) -> list[str]:
    """Return the names in a mount point that are not the volume's own nor a directory of ours."""
    return sorted(
        name for name in os.listdir(root.path(mount_point)) if name not in VOLUMES_OWN and not name.startswith(INSIDE)
    )


def _looked_at(root: paths.Root, each: Swap) -> Swap:
    had = bool(entries(root, each.target)) if each.is_mount else os.path.lexists(root.path(each.target))
    return Swap(each.target, each.staged, each.kept, each.is_mount, had)


def _exchange(root: paths.Root, each: Swap) -> None:
    target = root.path(each.target)
    if each.had:
        _rename(target, root.path(each.kept))
    if each.staged is not None:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _rename(root.path(each.staged), target)


def _put_back(root: paths.Root, each: Swap) -> None:
    target, kept = root.path(each.target), root.path(each.kept)
    staged = root.path(each.staged) if each.staged is not None else None
    is_new = os.path.lexists(kept) == each.had and staged is not None and not os.path.lexists(staged)
    # Only then has what is there come from the staging place.
    if is_new and staged is not None and os.path.lexists(target):
        _rename(target, staged)
    if each.had and os.path.lexists(kept):
        _rename(kept, target)


def _rename(old: str, new: str) -> None:
    os.rename(old, new)
    for parent in dict.fromkeys((os.path.dirname(old), os.path.dirname(new))):
        directory.sync(parent)


def _exchange_entries(root: paths.Root, each: Swap) -> None:
    with _opened(root, each) as (mount, staged, kept):
        moving = os.listdir(staged.descriptor) if staged is not None else []
        for name in entries(root, each.target):
            os.rename(name, name, src_dir_fd=mount.descriptor, dst_dir_fd=kept.descriptor)
        kept.sync()
        # What has been moved out is on the disk before anything is moved in: an entry in both would be nobody's.
        mount.sync()
        # The mark that everything old is out, so that what is there from now on is known to be new.
        kept.create(_MARK, b"", mode=0o600, uid=-1, gid=-1)
        kept.sync()
        for name in sorted(moving):
            if staged is not None and name not in (*VOLUMES_OWN, _MARK):
                os.rename(name, name, src_dir_fd=staged.descriptor, dst_dir_fd=mount.descriptor)
        mount.sync()


# In the directory that holds what was there, once all of it does.
_MARK = ".teleport-bootstrap-complete"


def _put_entries_back(root: paths.Root, each: Swap) -> None:
    if not os.path.lexists(root.path(each.kept)):
        return
    with _opened(root, each) as (mount, staged, kept):
        if kept.exists(_MARK):
            # What is there now is new, all of it.
            for name in entries(root, each.target):
                if staged is not None:
                    os.rename(name, name, src_dir_fd=mount.descriptor, dst_dir_fd=staged.descriptor)
            mount.sync()
            kept.unlink(_MARK)
            kept.sync()
        for name in os.listdir(kept.descriptor):
            os.rename(name, name, src_dir_fd=kept.descriptor, dst_dir_fd=mount.descriptor)
        mount.sync()
    remove(root, goes_with(each.kept))


@contextlib.contextmanager
def _opened(
    root: paths.Root, each: Swap
) -> Iterator[tuple[directory.Directory, directory.Directory | None, directory.Directory]]:
    """Open the mount point, what is staged in it, and what is kept, which is made where it is not there.

    Step by step: the mount point may belong to Teleport's account, who could put a link in the place of ours.
    """
    with contextlib.ExitStack() as stack:
        mount = stack.enter_context(contextlib.closing(directory.Directory(root.path(each.target))))
        kept = _inside(stack, mount, each.kept, make=True)
        staged = None if each.staged is None else _inside(stack, mount, each.staged, make=False)
        assert kept is not None  # noqa: S101 - it is made
        yield mount, staged, kept


def _inside(
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
        # What is staged belongs to Teleport's account already; what it lies in, and nobody else enters, does not.
        if name != _ENTRIES and os.fstat(found.descriptor).st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, f"{name} belongs to another account")
    return found


def _content(note: Note) -> bytes:
    return json.dumps(asdict(note), indent=1).encode()


def _write(root: paths.Root, note: Note) -> None:
    with changeset.Changeset(root) as changes:
        changes.write(paths.RESTORE_JOURNAL, _content(note), mode=0o600, owner="root", group="root")
        changes.commit()


def _read(root: paths.Root) -> Note | None:
    shown = root.path(paths.RESTORE_JOURNAL)
    try:
        found = directory.read(root, paths.RESTORE_JOURNAL)
    except OSError as error:
        raise errors.FileTrouble(f"{shown} cannot be read: {error.strerror}", hint="Run as root.") from None
    if found is None:
        return None
    try:
        data: Any = json.loads(found.content)
        return Note(
            tuple(data["making"]),
            tuple(Swap(**each) for each in data["swaps"]),
            tuple(data["units"]),
            tuple(data["places"]),
        )
    except (ValueError, KeyError, TypeError):
        raise errors.FileTrouble(
            f"{shown} is damaged, so an interrupted restore cannot be undone",
            hint=f"Look for names that contain {INSIDE} in /var/lib and /etc, put the right ones back by hand, and "
            "remove that file.",
        ) from None
