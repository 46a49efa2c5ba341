"""Inspects this host for what decides whether an archive may be restored on it; changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.conf import conf_file, decision, variables
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.host import accounts, directory
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.restore import local_data, rules
from teleport_bootstrap.restore.archive_configuration import Outline
from teleport_bootstrap.state import current, generations, metadata_cache, restore_record


def inspect(
    root: paths.Root,
    build: teleport_build.TeleportBuild,
    conf: conf_file.Conf | None,
    outlined: Outline,
    *,
    account: tuple[str, str] | None,
    files: Mapping[str, bytes],
    is_unpacked: bool = False,
) -> rules.Here:
    """Return what the rules need to know about this host, whose conf is `conf`.

    The archive has the content `outlined`, its data belongs to `account` (user, group), None where that is not known
    yet, and it has `files` elsewhere. Where it `is_unpacked`, it takes no more space.
    """
    return rules.Here(
        build=build,
        role=_role(root, conf),
        cluster=_cluster(root, conf),
        instance=metadata_cache.read(root).get("instance-id"),
        user_data=(
            *local_data.describe(root),
            *(f"{root.path(path)} is not empty" for path in outlined.data if _is_in_use(root, path)),
            *(f"{root.path(path)} is another file" for path in files if _differs(root, path, files[path])),
        ),
        spaces=() if is_unpacked else tuple(_spaces(root, outlined)),
        obstacles=(*_obstacles(root, outlined, account), *_not_writable(root, (*outlined.trees, *files))),
    )


@dataclass(frozen=True)
class Room:
    """What is free on a file system: bytes, and files, None where they are not counted."""

    bytes: int
    files: int | None

    def without(self, size: int) -> Room:
        """Return what is left after one more file that takes `size` bytes."""
        return Room(self.bytes - size, None if self.files is None else self.files - 1)


def room(path: str) -> Room:
    """Return what is free on the file system of `path`, or of the nearest directory above it that exists."""
    disk = os.statvfs(_nearest(path))
    # File systems that create inodes on demand report 0.
    return Room(disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else None)


def free_bytes(root: paths.Root) -> int:
    """Return how many bytes an archive may take at most, over all file systems that it may be restored to."""
    found = {}
    for path in (paths.DATA, paths.STATE, paths.CONF_DIRECTORY):
        there = _nearest(root.path(path))
        disk = os.statvfs(there)
        found[os.stat(there).st_dev] = disk.f_bavail * disk.f_frsize
    return sum(found.values())


def _role(root: paths.Root, conf: conf_file.Conf | None) -> rules.Statement | None:
    """Return the role of this host: the one that its conf names, or the one that was applied.

    A conf without TELEPORT_ROLE would mean an all-in-one, but alone it does not state a role.
    """
    if conf is not None and conf.value(variables.TELEPORT_ROLE) is not None:
        return rules.Statement(decision.role(conf).value, _line(conf, variables.TELEPORT_ROLE.name))
    applied = _applied(root)
    return None if applied is None else rules.Statement(applied.role, rules.APPLIED)


def _cluster(root: paths.Root, conf: conf_file.Conf | None) -> rules.Statement | None:
    for variable in (variables.TELEPORT_CLUSTER_NAME, variables.TELEPORT_DOMAIN_NAME):
        value = None if conf is None else conf.value(variable)
        if conf is not None and value is not None:
            return rules.Statement(value, _line(conf, variable.name))
    applied = _applied(root)
    section = None if applied is None else applied.document.get("auth_service")
    named = section.get("cluster_name") if isinstance(section, dict) else None
    return rules.Statement(named, rules.APPLIED) if isinstance(named, str) else None


def _line(conf: conf_file.Conf, name: str) -> str:
    return f"{conf.path}:{conf.settings[name].line} ({name})"


def _applied(root: paths.Root) -> generations.Generation | None:
    """Return what was applied here; None if nothing was, or if its conf names nothing but an archive to restore."""
    now = current.FILE.read_or_warn(root)
    if now is None:
        return None
    try:
        found = generations.load(root, now.generation)
        return None if restore_record.is_bare(conf_file.load(found.conf.encode())) else found
    except errors.GenerationMissing:
        return None
    except errors.ConfInvalid:  # its secrets are masked, which the grammar rejects: not a bare conf
        return found


def _is_in_use(root: paths.Root, path: str) -> bool:
    """Whether `path` is another directory than the usual one, and not empty."""
    try:
        return path != paths.DATA and bool(os.listdir(root.path(path)))
    except FileNotFoundError:
        return False
    except OSError as error:
        return bool(local_data.unreadable(root.path(path), error))


def _differs(root: paths.Root, path: str, content: bytes) -> bool:
    if not os.path.lexists(root.path(path)):
        return False
    try:
        found = directory.read(root, path)
    except OSError as error:
        return bool(local_data.unreadable(root.path(path), error))
    return found is None or found.content != content


def _spaces(root: paths.Root, outlined: Outline) -> Iterator[rules.Space]:
    """Yield the space that the archive needs on each file system."""
    by_device: dict[int, list[str]] = {}
    for tree in outlined.trees:
        by_device.setdefault(os.stat(_nearest(root.path(tree))).st_dev, []).append(tree)
    for trees in by_device.values():
        free = room(root.path(trees[0]))
        needed = sum(outlined.trees[tree][0] for tree in trees)
        if outlined.without_holes is not None:
            needed = min(needed, outlined.without_holes)
        if set(outlined.data) <= set(trees):
            needed = max(needed, outlined.at_least)
        yield rules.Space(
            path=", ".join(root.path(tree) for tree in trees),
            needed=needed,
            free=free.bytes,
            files=sum(outlined.trees[tree][1] for tree in trees),
            free_files=free.files,
        )


def _nearest(path: str) -> str:
    """Return `path`, or the nearest directory above it that exists."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _not_writable(root: paths.Root, targets: Iterable[str]) -> Iterator[Finding]:
    for target in targets:
        beside = _nearest(os.path.dirname(root.path(target)))
        if os.statvfs(beside).f_flag & os.ST_RDONLY:
            yield rules.finding(
                "obstacle",
                root.path(target),
                f"{root.path(target)} cannot be written: {beside} is read-only here",
                f"{unit_table.RESTORE.service} may write only to /etc, /var/lib, /opt, /srv and /mnt: if this is it, "
                "run `teleport-bootstrap restore` in a shell. Otherwise remount the file system read-write.",
            )


def _obstacles(root: paths.Root, outlined: Outline, account: tuple[str, str] | None) -> Iterator[Finding]:
    if account is not None:
        try:
            accounts.ids(root, *account)
        except errors.AccountMissing as error:
            yield rules.finding("obstacle", account[0], error.message, error.hint)
    for tree in outlined.trees:
        shown = root.path(tree)
        try:
            mode = os.lstat(shown).st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(mode):
            yield rules.finding(
                "obstacle",
                shown,
                f"{shown} is a symbolic link, which root must not follow because another account may have created it",
                "Mount the volume there, or use a bind mount, instead of a link.",
            )
        elif not stat.S_ISDIR(mode):
            yield rules.finding(
                "obstacle", shown, f"{shown} is not a directory", "Find out what created it, and move it away."
            )
        for mounted in directory.mounts_below(shown):
            yield rules.finding(
                "obstacle",
                mounted,
                f"a file system is mounted at {mounted}, inside a directory that the restore replaces",
                f"Unmount it with `umount {mounted}`, and mount it again after the restore.",
            )
