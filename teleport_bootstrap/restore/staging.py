"""Making everything that is to be, beside what is: nothing that is in use changes."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from teleport_bootstrap import paths
from teleport_bootstrap.backup import archive, unpack
from teleport_bootstrap.host import accounts, directory, exchange, root, trouble
from teleport_bootstrap.restore import places, undo

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Staged:
    """What was made: the swaps that put it in its place, and notes on what could not be done as archived."""

    swaps: tuple[exchange.Swap, ...]
    notes: tuple[str, ...] = ()


def stage(
    where: root.Root,
    source: archive.Source,
    verified: archive.Verified,
    trees: Sequence[str],
    *,
    stamp: str,
    writing: Sequence[str],
    owners: Iterable[str],
    user: str,
    group: str,
    progress: archive.Progress | None = None,
) -> Staged:
    """Unpack `trees` of the archive beside their places; `user` and `group` run Teleport here.

    `owners` are the names of those whom the data belonged to.

    `writing` are the files elsewhere that will be written when all this is in its place.

    `exchange.recover` removes what was made. Raises what unpack raises, FileTrouble and AccountMissing.
    """
    staged = {tree: exchange.place(where, tree, undo.NEW, stamp, private=True) for tree in trees}
    kept = {tree: exchange.place(where, tree, undo.OLD, stamp) for tree in trees}
    exchange.prepare(where, [exchange.goes_with(path) for path in staged.values()], writing=writing)
    for path in staged.values():
        exchange.make_room(where, path)
    into = {tree: where.path(path) for tree, path in staged.items()}
    done = unpack.unpack(source, verified, into, where=where, progress=progress)
    for tree, path in staged.items():
        _settle(where, tree, path, owners, (user, group))
    notes = tuple(each.describe() for each in done.notes)
    if done.notes_in_all > len(done.notes):
        notes += (f"and {done.notes_in_all - len(done.notes)} more like these",)
    swaps = tuple(exchange.swap(where, tree, staged[tree], kept[tree]) for tree in trees)
    return Staged(swaps, notes)


def _settle(where: root.Root, tree: str, path: str, owners: Iterable[str], account: tuple[str, str]) -> None:
    """Bring owners and modes of a staged tree to what this host needs; make it where the archive has none."""
    target = where.path(path)
    with trouble.at(target):
        if not os.path.lexists(target):
            os.mkdir(target, mode=0o700)
        if tree in places.ROOTS_OWN:
            _be_roots(where, target)
        elif tree == paths.DATA:
            _be_accounts(where, target, owners, *account)
        directory.sync(target)
        directory.sync(os.path.dirname(target))


def _be_roots(where: root.Root, target: str) -> None:
    """Whoever can write here decides what root does: old images gave it to Teleport's account, and we never do."""
    uid, gid = accounts.ids(where, "root", "root")
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


def _be_accounts(where: root.Root, target: str, owners: Iterable[str], user: str, group: str) -> None:
    """Give the data directory to the account that Teleport runs as, with what belongs to root or to nobody here.

    Where that is root, it reads whatever there is, and nothing but the top changes hands.
    """
    uid, gid = accounts.ids(where, user, group)
    if uid == -1:
        os.chmod(target, 0o700)
        return
    if uid != 0:
        # By name: what came with a number alone belongs to nobody, though somebody here may have that number.
        names = accounts.Names(where)
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
