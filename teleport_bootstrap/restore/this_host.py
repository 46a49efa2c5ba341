"""This host, as far as it decides whether an archive may be restored on it: looked at, and not touched."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from teleport_bootstrap import errors, paths, roles, unit_table
from teleport_bootstrap.conf import conf_file, decision, variables
from teleport_bootstrap.host import accounts, directory, mounts
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.restore import archive_configuration, existing, rules
from teleport_bootstrap.state import current, generations, metadata_cache, restore_record


@dataclass(frozen=True)
class Needs:
    """What an archive needs of a host: room for what is in it, an account, and places for `files` elsewhere."""

    outline: archive_configuration.Outline
    place: roles.Place
    files: Mapping[str, bytes]


def look(
    root: paths.Root, build: teleport_build.TeleportBuild, conf: conf_file.Conf | None, needs: Needs
) -> rules.Here:
    """Return what there is here, as far as the archive needs it; `given` is the conf that lies here."""
    outlined, files = needs.outline, needs.files
    return rules.Here(
        build=build,
        role=_role(root, conf),
        cluster=_cluster(root, conf),
        instance=metadata_cache.read(root).get("instance-id"),
        made=(
            *existing.made_by_people(root),
            *(f"{root.path(path)} is not empty" for path in outlined.data if path != paths.DATA and _holds(root, path)),
            *(f"{root.path(path)} is another file" for path in files if _differs(root, path, files[path])),
        ),
        spaces=tuple(_spaces(root, outlined)),
        in_the_way=(
            *_in_the_way(root, outlined, needs.place),
            *_not_writable(root, (*outlined.trees, *files)),
        ),
    )


def free_bytes(root: paths.Root) -> int:
    """Return how much an archive could take here at most, over all file systems that it may be put on."""
    found = {}
    for path in (paths.DATA, paths.STATE, paths.CONF_DIRECTORY):
        there = _nearest(root.path(path))
        disk = os.statvfs(there)
        found[os.stat(there).st_dev] = disk.f_bavail * disk.f_frsize
    return sum(found.values())


def _role(root: paths.Root, conf: conf_file.Conf | None) -> rules.Statement | None:
    """Return which role this host has: the one that its conf names, or the one that was applied.

    A conf without TELEPORT_ROLE is an all-in-one's by its grammar; by itself, that is no statement about anything.
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
    """Return what was applied here, None without that, and where its conf said nothing of what this host should be."""
    now = current.FILE.read_or_warn(root)
    if now is None:
        return None
    try:
        found = generations.load(root, now.generation)
        return None if restore_record.is_bare(conf_file.load(found.conf.encode())) else found
    except errors.GenerationMissing:
        return None
    except errors.ConfInvalid:  # the masks of its secrets, which no grammar takes: it says a lot
        return found


def _holds(root: paths.Root, path: str) -> bool:
    try:
        return bool(os.listdir(root.path(path)))
    except OSError:
        return os.path.lexists(root.path(path))


def _differs(root: paths.Root, path: str, content: bytes) -> bool:
    if not os.path.lexists(root.path(path)):
        return False
    try:
        found = directory.read(root, path)
    except OSError:
        return True
    return found is None or found.content != content


def _spaces(root: paths.Root, outlined: archive_configuration.Outline) -> Iterator[rules.Space]:
    """Yield what the archive takes on each file system."""
    by_device: dict[int, list[str]] = {}
    for tree in outlined.trees:
        by_device.setdefault(os.stat(_nearest(root.path(tree))).st_dev, []).append(tree)
    for trees in by_device.values():
        disk = os.statvfs(_nearest(root.path(trees[0])))
        needed = sum(outlined.trees[tree][0] for tree in trees)
        yield rules.Space(
            path=", ".join(root.path(tree) for tree in trees),
            needed=needed if outlined.without_holes is None else min(needed, outlined.without_holes),
            free=disk.f_bavail * disk.f_frsize,
            files=sum(outlined.trees[tree][1] for tree in trees),
            # File systems that make inodes as they need them say 0.
            free_files=disk.f_favail if disk.f_files else None,
        )


def _nearest(path: str) -> str:
    """Return `path`, or the nearest directory above it that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _not_writable(root: paths.Root, targets: Iterable[str]) -> Iterator[tuple[str, str]]:
    for target in targets:
        beside = _nearest(os.path.dirname(root.path(target)))
        if os.statvfs(beside).f_flag & os.ST_RDONLY:
            yield (
                f"{root.path(target)} cannot be written: {beside} is read-only here",
                f"{unit_table.RESTORE.service} may write only to /etc, /var/lib, /opt, /srv and /mnt: instead of "
                "it, run `teleport-bootstrap restore`. Otherwise mount it for writing.",
            )


def _in_the_way(
    root: paths.Root, outlined: archive_configuration.Outline, place: roles.Place
) -> Iterator[tuple[str, str]]:
    try:
        accounts.ids(root, place.user, place.group)
    except errors.AccountMissing as error:
        yield error.message, error.hint
    for tree in outlined.trees:
        shown = root.path(tree)
        try:
            mode = os.lstat(shown).st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(mode):
            yield (
                f"{shown} is a symbolic link, and root follows none where another account could have put it",
                "Mount the volume there, or use a bind mount, instead of a link.",
            )
        elif not stat.S_ISDIR(mode):
            yield f"{shown} is not a directory", "Look what made it, and move it away."
        for mounted in mounts.below(shown):
            yield (
                f"a file system is mounted at {mounted}, inside of what is exchanged as a whole",
                f"Unmount it, and mount it again when the restore is over: `umount {mounted}`.",
            )
