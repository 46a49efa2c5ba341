"""Making everything that is to be, beside what is: nothing that is in use changes."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from teleport_bootstrap import paths
from teleport_bootstrap.archive import interface, unpack
from teleport_bootstrap.change import exchange
from teleport_bootstrap.host import accounts, directory, trouble
from teleport_bootstrap.operations import restore_undo
from teleport_bootstrap.restore import places

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Staged:
    """What was made: the swaps that put it in its place, and notes on what could not be done as archived."""

    swaps: tuple[exchange.Swap, ...]
    notes: tuple[str, ...] = ()


def stage(
    root: paths.Root,
    source: interface.Source,
    verified: interface.Verified,
    trees: Sequence[str],
    *,
    stamp: str,
    writing: Sequence[str],
    owners: Iterable[str],
    user: str,
    group: str,
    progress: interface.Progress | None = None,
) -> Staged:
    """Unpack `trees` of the archive beside their places; `user` and `group` run Teleport here.

    `owners` are the names of those whom the data belonged to.

    `writing` are the files elsewhere that will be written when all this is in its place.

    `exchange.recover` removes what was made. Raises what unpack raises, FileTrouble and AccountMissing.
    """
    staged = {tree: exchange.place(root, tree, restore_undo.NEW, stamp, private=True) for tree in trees}
    kept = {tree: exchange.place(root, tree, restore_undo.OLD, stamp) for tree in trees}
    exchange.prepare(root, [exchange.goes_with(path) for path in staged.values()], writing=writing)
    for path in staged.values():
        exchange.make_room(root, path)
    into = {tree: root.path(path) for tree, path in staged.items()}
    done = unpack.unpack(source, verified, into, root=root, progress=progress)
    for tree, path in staged.items():
        _settle(root, tree, path, owners, (user, group))
    notes = tuple(each.describe() for each in done.notes)
    if done.notes_in_all > len(done.notes):
        notes += (f"and {done.notes_in_all - len(done.notes)} more like these",)
    swaps = tuple(exchange.swap(root, tree, staged[tree], kept[tree]) for tree in trees)
    return Staged(swaps, notes)


def _settle(root: paths.Root, tree: str, path: str, owners: Iterable[str], account: tuple[str, str]) -> None:
    """Bring owners and modes of a staged tree to what this host needs; make it where the archive has none."""
    target = root.path(path)
    with trouble.at(target):
        if not os.path.lexists(target):
            os.mkdir(target, mode=0o700)
        if tree in places.ROOTS_OWN:
            _be_roots(root, target)
        elif tree == paths.DATA:
            _be_accounts(root, target, owners, *account)
        directory.sync(target)
        directory.sync(os.path.dirname(target))


def _be_roots(root: paths.Root, target: str) -> None:
    """Whoever can write here decides what root does: old images gave it to Teleport's account, and we never do."""
    uid, gid = accounts.ids(root, "root", "root")
    for folder, folders, files, descriptor in os.fwalk(target, topdown=False):
        for name in [*folders, *files]:
            facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISLNK(facts.st_mode):
                logger.warning(
                    "%s is a symbolic link, which is not followed here: left out", os.path.join(folder, name)
                )
                os.unlink(name, dir_fd=descriptor)
                continue
            if uid != -1:
                os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
            os.chmod(name, stat.S_IMODE(facts.st_mode) & 0o755, dir_fd=descriptor)
    if uid != -1:
        os.chown(target, uid, gid)
    mode = stat.S_IMODE(os.lstat(target).st_mode)
    os.chmod(target, 0o755 if target.endswith(paths.CONF_DIRECTORY) else mode & 0o755)


def _be_accounts(root: paths.Root, target: str, owners: Iterable[str], user: str, group: str) -> None:
    """Give the data directory to the account that Teleport runs as, with what belongs to root or to nobody here.

    Where that is root, it reads whatever there is, and nothing but the top changes hands.
    """
    uid, gid = accounts.ids(root, user, group)
    if uid == -1:
        os.chmod(target, 0o700)
        return
    if uid != 0:
        # By name: what came with a number alone belongs to nobody, though somebody here may have that number.
        names = accounts.Names(root)
        known = {names.uid(name) for name in owners if name} - {0, None}
        for _, folders, files, descriptor in os.fwalk(target):
            for name in [*folders, *files]:
                _give(descriptor, name, uid, gid, lambda owner: owner in known)
    os.chown(target, uid, gid, follow_symlinks=False)
    os.chmod(target, 0o700)


def _give(parent: int, name: str, uid: int, gid: int, stays: Callable[[int], bool]) -> None:
    facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if stays(facts.st_uid):
        return
    if stat.S_ISLNK(facts.st_mode):
        os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        return
    if not stat.S_ISDIR(facts.st_mode) and not stat.S_ISREG(facts.st_mode):
        return
    os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
    # Owners of another kind: what could run as root there is not to run as this account here.
    os.chmod(name, stat.S_IMODE(facts.st_mode) & ~0o6000, dir_fd=parent)
