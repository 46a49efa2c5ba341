"""What an archive may hold: it may come from anywhere, and an attacker can compute its digest too.

Members are in the order of their paths, component by component, as in a walk of the tree. So the path down to the last
member is all that has to be remembered to see that no name comes twice and that nothing is below a file or a link.
"""

from __future__ import annotations

import os

from teleport_bootstrap.archive import attributes, interface
from teleport_bootstrap.archive.tar import Member, Refused

# pack goes no deeper; unpacking takes an open descriptor for each level.
DEEPEST = 300

_LINKS = (interface.SYMLINK, interface.HARDLINK)

# What a member takes on a disk besides its data, in bytes.
_OVERHEAD = 512

_Parts = list[bytes]


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

    def check(self, member: Member) -> None:
        """Raise Refused for a member that must not be unpacked."""
        entry = member.entry
        parts = _parts(entry.path, entry.path)
        if parts[0] == os.fsencode(interface.OWN):
            raise Refused(entry.path, "is one of the archive's own names, and comes a second time")
        self._follow(entry.path, parts, entry.kind)
        if (entry.kind in _LINKS) != bool(entry.link) or "\0" in entry.link:
            raise Refused(entry.path, "is a link to nothing, or names a link without being one")
        if entry.kind == interface.HARDLINK:
            if _parts(entry.link, entry.path) >= parts or member.extended:
                raise Refused(entry.path, "is a hard link to something that does not come before it")
            self.targets.add(entry.link)
        self.has_symlinks |= entry.kind == interface.SYMLINK
        for name in member.extended:
            if not attributes.is_archived(name) or "\0" in name:
                raise Refused(entry.path, f"has the attribute {name[:40]!r}, which does not belong in a backup")
        self._count(entry, member.data)

    def _follow(self, name: str, parts: _Parts, kind: str) -> None:
        if parts <= self._last:
            raise Refused(name, "is out of order: it is there twice, or after what belongs below it")
        while self._way and self._way[-1][0] != parts[: len(self._way[-1][0])]:
            self._way.pop()
        if self._way and self._way[-1][1] != interface.DIRECTORY:
            raise Refused(name, f"lies below a {self._way[-1][1]}")
        if not self._way:
            self.tops.add(name)
        self._way.append((parts, kind))
        self._last = parts

    def _count(self, entry: interface.Entry, data: int) -> None:
        totals = self.totals.with_one(entry.kind, entry.size, data)
        limits = self._limits
        for what, found, largest in (
            ("entries", totals.entries, limits.entries),
            ("bytes to write", totals.data + totals.entries * _OVERHEAD, limits.data),
            ("bytes in files", totals.content, limits.content),
            ("bytes of holes", totals.content - totals.data, limits.holes),
        ):
            if found > largest:
                raise Refused(entry.path, f"brings the archive to {found} {what}, and there is room for {largest}")
        self.totals = totals


def _parts(path: str, name: str) -> _Parts:
    """Return the components of `path`, which is `name` or the target of it. Raises Refused for one that leads out."""
    parts = os.fsencode(path).split(b"/")
    if path.startswith("/"):
        raise Refused(name, "has an absolute path, or names one")
    if b".." in parts:
        raise Refused(name, "has .. in its path, or names one that has")
    if b"" in parts or b"." in parts or "\0" in path:
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
