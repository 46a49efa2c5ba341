"""What an archive may hold: it may come from anywhere, and an attacker can compute its digest too.

Members are in the order of their paths, component by component, as in a walk of the tree. So the path down to the last
member is all that has to be remembered to see that no name comes twice and that nothing is below a file or a link.
"""

from __future__ import annotations

import dataclasses
import os

from teleport_bootstrap.archive import attributes, interface, tar_headers
from teleport_bootstrap.archive.tar_reader import Member, Refused

# pack goes no deeper; unpacking takes an open descriptor for each level.
DEEPEST = 300

KINDS = {
    tar_headers.REGULAR: interface.FILE,
    tar_headers.DIRECTORY: interface.DIRECTORY,
    tar_headers.SYMBOLIC: interface.SYMLINK,
    tar_headers.LINK: interface.HARDLINK,
}
_LINKS = (interface.SYMLINK, interface.HARDLINK)

# What a member takes on a disk besides its data, in bytes.
_OVERHEAD = 512

_Parts = list[bytes]

_SECOND = 1_000_000_000


class Order:
    """Checks members one after the other, and refuses those that must not be unpacked."""

    def __init__(self, limits: interface.Limits) -> None:
        self._limits = limits
        self._last: _Parts = []
        # The ancestors of the last member that are members, and itself, with their kinds.
        self._way: list[tuple[_Parts, str]] = []
        self.totals = interface.Totals()
        # The targets of hard links, which must be files of the archive.
        self.targets: set[str] = set()
        # The paths of members without a member above them; a link to anywhere else leads out.
        self.tops: set[str] = set()
        self.has_symlinks = False

    def check(self, member: Member) -> str:
        """Return the kind of a member that may be unpacked. Raises Refused for one that may not."""
        head = member.head
        kind = KINDS[head.type]
        parts = _parts(head.name, head.name)
        if parts[0] == os.fsencode(interface.OWN):
            raise Refused(head.name, "is one of the archive's own names, and comes a second time")
        self._follow(head.name, parts, kind)
        if (kind in _LINKS) != bool(head.link):
            raise Refused(head.name, "is a link to nothing, or names a link without being one")
        if kind == interface.HARDLINK:
            self._target(head, parts)
        self.has_symlinks |= kind == interface.SYMLINK
        for name in head.xattrs:
            if not attributes.is_archived(name) or "\0" in name:
                raise Refused(head.name, f"has the attribute {name[:40]!r}, which does not belong in a backup")
        self._count(member, kind)
        return kind

    def _follow(self, name: bytes, parts: _Parts, kind: str) -> None:
        if parts == self._last:
            # A file that was read twice; the manifest has to say so.
            if kind != interface.FILE or self._way[-1][1] != interface.FILE:
                raise Refused(name, "is there twice")
            return
        if parts < self._last:
            raise Refused(name, "is out of order: it is there twice, or after what belongs below it")
        while self._way and self._way[-1][0] != parts[: len(self._way[-1][0])]:
            self._way.pop()
        if self._way and self._way[-1][1] != interface.DIRECTORY:
            raise Refused(name, f"lies below a {self._way[-1][1]}")
        if not self._way:
            self.tops.add(os.fsdecode(name))
        self._way.append((parts, kind))
        self._last = parts

    def _target(self, head: tar_headers.Head, parts: _Parts) -> None:
        target = _parts(head.link, head.name)
        if target >= parts or head.xattrs:
            raise Refused(head.name, "is a hard link to something that does not come before it")
        self.targets.add(os.fsdecode(head.link))

    def _count(self, member: Member, kind: str) -> None:
        totals = self.totals.with_one(kind, member.size, member.data)
        limits = self._limits
        for what, found, largest in (
            ("entries", totals.entries, limits.entries),
            ("bytes to write", totals.data + totals.entries * _OVERHEAD, limits.data),
            ("bytes in files", totals.content, limits.content),
            ("bytes of holes", totals.content - totals.data, limits.holes),
        ):
            if found > largest:
                raise Refused(
                    member.head.name, f"brings the archive to {found} {what}, and there is room for {largest}"
                )
        self.totals = totals


def _parts(path: bytes, name: bytes) -> _Parts:
    """Return the components of `path`, which is `name` or the target of it. Raises Refused for one that leads out."""
    if path.startswith(b"/"):
        raise Refused(name, "has an absolute path, or names one")
    parts = path.split(b"/")
    if b".." in parts:
        raise Refused(name, "has .. in its path, or names one that has")
    if b"" in parts or b"." in parts or b"\0" in path:
        raise Refused(name, "has an empty or . component in its path, or names one that has")
    if len(parts) > DEEPEST:
        raise Refused(name, f"lies more than {DEEPEST} directories deep")
    return parts


def leads_out(path: str, target: str, tops: set[str]) -> bool:
    """Return whether the symbolic link `path` leads out of everything in `tops`, by the text of `target` alone."""
    whole = target if target.startswith("/") else f"/{os.path.dirname(path)}/{target}"
    place = os.path.normpath(whole).lstrip("/")
    while place:
        if place in tops:
            return False
        place = os.path.dirname(place)
    return True


def as_entry(member: Member, kind: str, digest: str) -> interface.Entry:
    """Return the manifest's entry for a member, as far as its headers say; times are whole seconds there."""
    head = member.head
    return interface.Entry(
        os.fsdecode(head.name),
        kind,
        head.mode,
        head.uid,
        head.gid,
        os.fsdecode(head.owner),
        os.fsdecode(head.group),
        head.mtime * _SECOND,
        member.size,
        digest,
        os.fsdecode(head.link),
        attributes.digest(head.xattrs),
    )


def plain(entry: interface.Entry) -> interface.Entry:
    """Return an entry of a manifest without what a member's headers do not hold."""
    return dataclasses.replace(entry, mtime=entry.mtime // _SECOND * _SECOND, superseded=False, note="")
