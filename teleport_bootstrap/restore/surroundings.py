"""This host, as far as it decides whether an archive may be restored on it: looked at, and not touched."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.apply import current, generations, last_known, restored
from teleport_bootstrap.conf import conf, variables
from teleport_bootstrap.host import accounts, directory, mounts, root
from teleport_bootstrap.plan import deployment, roles, teleport_build
from teleport_bootstrap.restore import contents, existing, judgement


@dataclass(frozen=True)
class Needs:
    """What an archive needs of a host: room for what is in it, an account, and places for `files` elsewhere."""

    outline: contents.Outline
    place: roles.Place
    files: Mapping[str, bytes]


def look(
    where: root.Root, build: teleport_build.TeleportBuild, given: conf.Conf | None, needs: Needs
) -> judgement.Here:
    """Return what there is here, as far as the archive needs it; `given` is the conf that lies here."""
    outlined, files = needs.outline, needs.files
    return judgement.Here(
        build=build,
        role=_role(where, given),
        cluster=_cluster(where, given),
        instance=last_known.read(where).get("instance-id"),
        made=(
            *existing.made_by_people(where),
            *(
                f"{where.path(path)} is not empty"
                for path in outlined.data
                if path != paths.DATA and _holds(where, path)
            ),
            *(f"{where.path(path)} is another file" for path in files if _differs(where, path, files[path])),
        ),
        spaces=tuple(_spaces(where, outlined)),
        in_the_way=(
            *_in_the_way(where, outlined, needs.place),
            *_not_writable(where, (*outlined.trees, *files)),
        ),
    )


def free_bytes(where: root.Root) -> int:
    """Return how much an archive could take here at most, over all file systems that it may be put on."""
    found = {}
    for path in (paths.DATA, paths.STATE, paths.CONF_DIRECTORY):
        there = _nearest(where.path(path))
        disk = os.statvfs(there)
        found[os.stat(there).st_dev] = disk.f_bavail * disk.f_frsize
    return sum(found.values())


def _role(where: root.Root, given: conf.Conf | None) -> judgement.Statement | None:
    """Return which role this host has: the one that its conf names, or the one that was applied.

    A conf without TELEPORT_ROLE is an all-in-one's by its grammar; by itself, that is no statement about anything.
    """
    if given is not None and given.value(variables.TELEPORT_ROLE) is not None:
        return judgement.Statement(deployment.role(given).value, _line(given, variables.TELEPORT_ROLE.name))
    applied = _applied(where)
    return None if applied is None else judgement.Statement(applied.role, judgement.APPLIED)


def _cluster(where: root.Root, given: conf.Conf | None) -> judgement.Statement | None:
    for variable in (variables.TELEPORT_CLUSTER_NAME, variables.TELEPORT_DOMAIN_NAME):
        value = None if given is None else given.value(variable)
        if given is not None and value is not None:
            return judgement.Statement(value, _line(given, variable.name))
    applied = _applied(where)
    section = None if applied is None else applied.document.get("auth_service")
    named = section.get("cluster_name") if isinstance(section, dict) else None
    return judgement.Statement(named, judgement.APPLIED) if isinstance(named, str) else None


def _line(given: conf.Conf, name: str) -> str:
    return f"{given.path}:{given.settings[name].line} ({name})"


def _applied(where: root.Root) -> generations.Generation | None:
    """Return what was applied here, None without that, and where its conf said nothing of what this host should be."""
    now = current.known(where)
    if now is None:
        return None
    try:
        found = generations.load(where, now.generation)
        return None if restored.is_bare(conf.load(found.conf.encode())) else found
    except errors.GenerationMissing:
        return None
    except errors.ConfInvalid:  # the masks of its secrets, which no grammar takes: it says a lot
        return found


def _holds(where: root.Root, path: str) -> bool:
    try:
        return bool(os.listdir(where.path(path)))
    except OSError:
        return os.path.lexists(where.path(path))


def _differs(where: root.Root, path: str, content: bytes) -> bool:
    if not os.path.lexists(where.path(path)):
        return False
    try:
        found = directory.read(where, path)
    except OSError:
        return True
    return found is None or found.content != content


def _spaces(where: root.Root, outlined: contents.Outline) -> Iterator[judgement.Space]:
    """Yield what the archive takes on each file system."""
    by_device: dict[int, list[str]] = {}
    for tree in outlined.trees:
        by_device.setdefault(os.stat(_nearest(where.path(tree))).st_dev, []).append(tree)
    for trees in by_device.values():
        disk = os.statvfs(_nearest(where.path(trees[0])))
        needed = sum(outlined.trees[tree][0] for tree in trees)
        yield judgement.Space(
            path=", ".join(where.path(tree) for tree in trees),
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


def _not_writable(where: root.Root, targets: Iterable[str]) -> Iterator[tuple[str, str]]:
    for target in targets:
        beside = _nearest(os.path.dirname(where.path(target)))
        if os.statvfs(beside).f_flag & os.ST_RDONLY:
            yield (
                f"{where.path(target)} cannot be written: {beside} is read-only here",
                "Where this is teleport-restore.service, which may write to /etc, /var/lib, /opt, /srv and /mnt alone: "
                "run `teleport-bootstrap restore` by hand. Otherwise mount it for writing.",
            )


def _in_the_way(where: root.Root, outlined: contents.Outline, place: roles.Place) -> Iterator[tuple[str, str]]:
    try:
        accounts.ids(where, place.user, place.group)
    except errors.AccountMissing as error:
        yield error.message, error.hint
    for tree in outlined.trees:
        shown = where.path(tree)
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
