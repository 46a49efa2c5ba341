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

_NO_NAMES = ("", ".", "..")

_Parts = list[bytes]


class Order:
    """Checks members one after the other, and refuses those that must not be unpacked."""

    def __init__(self, limits: interface.Limits) -> None:
        self._limits = limits
        self._last: _Parts = []
        # What the path of another one in the same directory begins with; "" for none.
        self._folder = ""
        # The ancestors of the last member that are members, and itself, with their kinds.
        self._way: list[tuple[_Parts, str]] = []
        self._counted = (0, 0, 0, 0)
        # The targets of hard links, which must be files of the archive.
        self.targets: set[str] = set()
        # The paths of members without a member above them; a link to anywhere else leads out.
        self.tops: set[str] = set()
        self.has_symlinks = False

    @property
    def totals(self) -> interface.Totals:
        """What was checked so far."""
        return interface.Totals(*self._counted)

    def check(self, member: Member) -> None:
        """Raise Refused for a member that must not be unpacked."""
        entry = member.entry
        parts = self._beside(entry.path)
        if parts is None:
            parts = _parts(entry.path, entry.path)
            if parts[0] == os.fsencode(interface.OWN):
                raise Refused(entry.path, "is one of the archive's own names, and comes a second time")
            self._follow(entry.path, parts)
        else:
            # What holds for the ancestors of the last member holds for its own.
            self._way.pop()
        self._add(entry, parts)
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

    def _beside(self, path: str) -> _Parts | None:
        """Return the components of a path that may come next and is in the directory of the last member, or None."""
        folder, _, name = path.rpartition("/")
        if not folder or folder != self._folder or name in _NO_NAMES or "\0" in name:
            return None
        last = os.fsencode(name)
        return [*self._last[:-1], last] if last > self._last[-1] else None

    def _follow(self, name: str, parts: _Parts) -> None:
        if parts <= self._last:
            raise Refused(name, "is out of order: it is there twice, or after what belongs below it")
        while self._way and self._way[-1][0] != parts[: len(self._way[-1][0])]:
            self._way.pop()
        if self._way and self._way[-1][1] != interface.DIRECTORY:
            raise Refused(name, f"lies below a {self._way[-1][1]}")

    def _add(self, entry: interface.Entry, parts: _Parts) -> None:
        if not self._way:
            self.tops.add(entry.path)
        self._way.append((parts, entry.kind))
        self._last = parts
        self._folder = entry.path.rpartition("/")[0]

    def _count(self, entry: interface.Entry, data: int) -> None:
        entries, files, content, kept = self._counted
        entries, files, content, kept = (
            entries + 1,
            files + (entry.kind == interface.FILE),
            content + entry.size,
            kept + data,
        )
        limits = self._limits
        written, holes = kept + entries * _OVERHEAD, content - kept
        if entries > limits.entries or written > limits.data or content > limits.content or holes > limits.holes:
            for what, found, largest in (
                ("entries", entries, limits.entries),
                ("bytes to write", written, limits.data),
                ("bytes in files", content, limits.content),
                ("bytes of holes", holes, limits.holes),
            ):
                if found > largest:
                    raise Refused(entry.path, f"brings the archive to {found} {what}, and there is room for {largest}")
        self._counted = entries, files, content, kept


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
