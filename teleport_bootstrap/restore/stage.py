"""What was unpacked of an archive becomes what this host needs; what is in use does not change yet."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator

from teleport_bootstrap import errors, escaping, log, paths
from teleport_bootstrap.archive import interface, safety, unpack
from teleport_bootstrap.change import directory_swap
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.host import accounts, directory
from teleport_bootstrap.host import tree as trees
from teleport_bootstrap.restore import adopted_facts, archive_configuration, places, proposal
from teleport_bootstrap.restore.incoming import Incoming

logger = log.Logger(__name__)


def finish(
    transaction: Transaction, incoming: Incoming, proposed: proposal.Proposal
) -> tuple[tuple[directory_swap.Swap, ...], tuple[str, ...]]:
    """Give what was unpacked the owners and modes of this host, and bring it to the disk.

    Return the swaps that put it in its places, and notes on what could not be restored as archived. Raises
    ArchiveUnsafe where there is data elsewhere than the header says, FileTrouble and AccountMissing.
    """
    trees, owners = proposed.trees, proposed.outline.owners
    root = transaction.root
    for tree in trees:
        if tree not in incoming.places:
            raise archive_configuration.unsafe(
                f"{proposed.origin.name} has data in {interface.printable(tree)}, which its header does not name"
            )
    staged = {tree: incoming.places[tree] for tree in trees}
    transaction.reserve([], writing=[*proposed.merged, *proposed.named])
    done = incoming.finish(proposed.verified)
    for tree, path in staged.items():
        _settle(root, tree, path, owners, proposed.account)
        if tree == paths.CONF_DIRECTORY and proposed.adopted is not None:
            adopted_facts.write(root, path, proposed.adopted.content)
    # After the last owner and mode was set: an fsync of a directory is not for those of the files in it.
    with errors.file_trouble_at(root.path(paths.DATA)):
        unpack.bring_to_disk(root.path(path) for path in staged.values())
    notes = tuple(each.describe() for each in done.notes)
    if done.notes_in_all > len(done.notes):
        notes += (f"and {done.notes_in_all - len(done.notes)} more like these",)
    kept = {tree: directory_swap.place(root, tree, directory_swap.BEFORE_RESTORE, incoming.stamp) for tree in trees}
    return tuple(directory_swap.prepared(root, tree, staged[tree], kept[tree]) for tree in trees), notes


def _settle(root: paths.Root, tree: str, path: str, owners: Iterable[str], account: tuple[str, str]) -> None:
    """Give a staged tree the owners and modes that this host needs; make it where the archive has none."""
    target = root.path(path)
    with errors.file_trouble_at(target):
        if not os.path.lexists(target):
            os.mkdir(target, mode=0o700)
        if tree in places.ROOTS_OWN:
            _give_to_root(root, target)
        elif tree == paths.DATA:
            _give_to_account(root, target, owners, *account)


def _give_to_root(root: paths.Root, target: str) -> None:
    """Leave a tree to root alone: an account that can write here decides what root does. Old images allowed that."""
    uid, gid = accounts.ids(root, "root", "root")
    for each in _below(target):
        if stat.S_ISLNK(each.facts.st_mode):
            shown = escaping.one_line(f"{target}/{each.path}")
            logger.warning("%s is a symbolic link, which is not followed here: left out", shown)
            os.unlink(each.name, dir_fd=each.parent)
            continue
        if uid != -1:
            os.chown(each.name, uid, gid, dir_fd=each.parent, follow_symlinks=False)
        os.chmod(each.name, stat.S_IMODE(each.facts.st_mode) & 0o755, dir_fd=each.parent)
    if uid != -1:
        os.chown(target, uid, gid)
    mode = stat.S_IMODE(os.lstat(target).st_mode)
    os.chmod(target, 0o755 if target.endswith(paths.CONF_DIRECTORY) else mode & 0o755)


def _below(target: str) -> Iterator[trees.Entry]:
    """Yield what was unpacked below `target`, which no other account can reach yet."""
    with contextlib.closing(directory.Directory(target)) as opened:
        yield from trees.walk(opened.descriptor, deepest=safety.DEEPEST)


def _give_to_account(root: paths.Root, target: str, owners: Iterable[str], user: str, group: str) -> None:
    """Give the data directory to the account that Teleport runs as, with what belongs to root or to no account here.

    Where that is root, which can read everything, only the directory itself gets another owner.
    """
    uid, gid = accounts.ids(root, user, group)
    if uid == -1:
        os.chmod(target, 0o700)
        return
    if uid != 0:
        # By name: a file archived with a number alone belongs to no account, even if one here has that number.
        names = accounts.Names(root)
        known = {names.uid(name) for name in owners if name} - {0, None}
        for each in _below(target):
            kind = stat.S_IFMT(each.facts.st_mode)
            if each.facts.st_uid in known or kind not in (stat.S_IFLNK, stat.S_IFDIR, stat.S_IFREG):
                continue
            os.chown(each.name, uid, gid, dir_fd=each.parent, follow_symlinks=False)
            if kind != stat.S_IFLNK:
                # Owners of another kind: what could run as root there is not to run as this account here.
                os.chmod(each.name, stat.S_IMODE(each.facts.st_mode) & ~0o6000, dir_fd=each.parent)
    os.chown(target, uid, gid, follow_symlinks=False)
    os.chmod(target, 0o700)
