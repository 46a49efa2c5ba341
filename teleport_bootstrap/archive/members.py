"""Writing files to the tar one by one, while other processes may change them."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import stat
from collections.abc import Iterator

from teleport_bootstrap.archive import attributes, interface, manifest, tar, walk
from teleport_bootstrap.archive.interface import Entry
from teleport_bootstrap.archive.spool import Spool
from teleport_bootstrap.archive.stream import Output
from teleport_bootstrap.host import accounts
from teleport_bootstrap.host import clock as clocks

# Files up to this size are read whole before anything of them is written: one that changed meanwhile is read again.
SMALL = 1024 * 1024
_ATTEMPTS = 4
_STEP = 1024 * 1024

# Two of the kernel's longest ticks.
_TICKS_SECONDS = 0.02

_CHANGING = "was being written to: what is archived was read while it changed"


class _LeftOut(Exception):
    """A file is not archived; the text says why."""


class Members:
    """Writes members to `output`, and their lines of the manifest to `spool`."""

    def __init__(self, output: Output, spool: Spool, names: accounts.Names) -> None:
        self._output = output
        self._spool = spool
        # Needed for each file, and nearly always the same ones.
        self._owner = functools.lru_cache(maxsize=256)(names.user)
        self._group = functools.lru_cache(maxsize=256)(names.group)
        self._holes = 0
        self._tree: interface.Tree | None = None
        self._top_owner = -1
        # Files with several names in this tree: the first path of each.
        self._links: dict[tuple[int, int], str] = {}
        self.totals = interface.Totals()
        self.notes = interface.Notes()

    def left_out(self, path: str, text: str) -> None:
        """Note that a file is not in the archive, and why."""
        note = interface.Note(path.lstrip("/"), text)
        self._spool.write(manifest.note_line(note))
        self.notes.add(note)

    def add(self, tree: interface.Tree, found: walk.Found) -> None:
        """Write what was found in `tree`. Raises FileTrouble."""
        if tree is not self._tree:
            self._tree, self._top_owner = tree, found.facts.st_uid
            self._links.clear()
        try:
            if found.descriptor != -1:
                extended = attributes.of_descriptor(found.descriptor)
                self._done(self._member(found, found.facts, interface.DIRECTORY, extended))
            elif stat.S_ISLNK(found.facts.st_mode):
                self._symlink(found)
            elif isinstance(found.choice, interface.Instead):
                self._instead(found, found.choice)
            else:
                self._regular(found)
        except _LeftOut as reason:
            self.left_out(found.path, str(reason))
        except OSError as error:
            if error.errno in walk.VANISHED:
                self.left_out(found.path, "vanished before it was read")
            elif error.errno in walk.REPLACED:
                self.left_out(found.path, "became something else before it was read")
            else:
                raise walk.trouble(found.path, error) from None

    def _symlink(self, found: walk.Found) -> None:
        try:
            target = os.readlink(found.name, dir_fd=found.parent)
        except OSError as error:
            if error.errno == errno.EINVAL:  # not a link any more
                raise OSError(errno.ELOOP, "") from None
            raise
        extended = attributes.of_link(found.parent, found.name)
        self._done(self._member(found, found.facts, interface.SYMLINK, extended, link=target))

    def _instead(self, found: walk.Found, choice: interface.Instead) -> None:
        original = _open(found)
        try:
            extended = attributes.of_descriptor(original)
        finally:
            os.close(original)
        try:
            descriptor = choice.open()
        except interface.Gone as gone:
            raise _LeftOut(str(gone)) from None
        try:
            size = os.fstat(descriptor).st_size
            entry, is_whole = self._streamed(found, found.facts, descriptor, extended, size, None)
        finally:
            os.close(descriptor)
        self._done(entry, size, choice.note if is_whole else _CHANGING)

    def _regular(self, found: walk.Found) -> None:
        for attempt in range(_ATTEMPTS):
            descriptor = _open(found)
            try:
                if self._read(found, descriptor, is_last=attempt == _ATTEMPTS - 1):
                    return
            finally:
                os.close(descriptor)

    def _read(self, found: walk.Found, descriptor: int, *, is_last: bool) -> bool:
        """Read a file and write it; return False where it changed meanwhile and nothing was written."""
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.ELOOP, "")
        identity = (facts.st_dev, facts.st_ino)
        if facts.st_nlink > 1:
            if self._tree is not None and self._tree.hostile and facts.st_uid != self._top_owner:
                raise _LeftOut("has another name elsewhere and another owner; left out")
            if identity in self._links:
                first = self._links[identity].lstrip("/")
                self._done(self._member(found, facts, interface.HARDLINK, {}, link=first))
                return True
        facts, at_rest = _settled(descriptor, facts)
        data = size = facts.st_size
        extended = attributes.of_descriptor(descriptor)
        segments = _segments(descriptor, size) if facts.st_blocks * 512 < size else None
        if size <= SMALL and segments is None:
            content = _whole(descriptor, size)
            data = len(content)
            is_undisturbed = at_rest and data == size and _is_same(facts, os.fstat(descriptor))
            if not is_undisturbed and not is_last:
                return False
            sha256 = hashlib.sha256(content).hexdigest()
            entry = self._member(found, facts, interface.FILE, extended, size=data)._replace(sha256=sha256)
            self._output.write(tar.padded(content))
        else:
            data = size if segments is None else sum(length for _, length in segments)
            self._holes += size - data
            if self._holes > interface.Limits.holes:
                raise _LeftOut("has larger holes than a backup may hold; left out")
            entry, is_whole = self._streamed(found, facts, descriptor, extended, size, segments)
            is_undisturbed = at_rest and is_whole and _is_same(facts, os.fstat(descriptor))
        self._done(entry, data, "" if is_undisturbed else _CHANGING)
        if facts.st_nlink > 1:
            self._links[identity] = found.path
        return True

    def _streamed(  # noqa: PLR0917
        self,
        found: walk.Found,
        facts: os.stat_result,
        descriptor: int,
        extended: dict[str, bytes],
        size: int,
        segments: tar.Segments | None,
    ) -> tuple[Entry, bool]:
        """Write a file while it is read, missing bytes as zeros; return its entry, and whether it had `size` bytes."""
        entry = self._member(found, facts, interface.FILE, extended, size=size, segments=segments)
        missing = 0

        def pieces() -> Iterator[bytes]:
            nonlocal missing
            for start, length in ((0, size),) if segments is None else segments:
                at, end = start, start + length
                while at < end:
                    part = os.pread(descriptor, min(_STEP, end - at), at)
                    if not part:
                        part = bytes(min(_STEP, end - at))
                        missing += len(part)
                    self._output.write(part)
                    yield part
                    at += len(part)

        member = tar.Member(entry, extended, segments)
        sha256 = tar.content_digest(member, pieces())
        self._output.write(bytes(member.padding))
        return entry._replace(sha256=sha256), not missing

    def _member(  # noqa: PLR0917
        self,
        found: walk.Found,
        facts: os.stat_result,
        kind: str,
        extended: dict[str, bytes],
        size: int = 0,
        link: str = "",
        segments: tar.Segments | None = None,
    ) -> Entry:
        """Write a member's headers; return its entry for the manifest."""
        uid, gid = facts.st_uid, facts.st_gid
        mode, names = stat.S_IMODE(facts.st_mode), (self._owner(uid), self._group(gid))
        xattrs = attributes.digest(extended)
        entry = Entry(found.path[1:], kind, mode, uid, gid, *names, facts.st_mtime_ns, size, "", link, xattrs)
        self._output.write(tar.Member(entry, extended, segments).headers())
        return entry

    def _done(self, entry: Entry, data: int = 0, note: str = "") -> None:
        """Write the line of a member of `data` bytes to the manifest."""
        if note:
            self.notes.add(interface.Note(entry.path, note))
            entry = entry._replace(note=note)
        self._spool.write(manifest.line(entry))
        self.totals = self.totals.with_one(entry.kind, entry.size, data)
        self._output.entries += 1


def _open(found: walk.Found) -> int:
    # Without waiting: a named pipe may have taken the file's place.
    return os.open(found.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=found.parent)


def _whole(descriptor: int, size: int) -> bytes:
    """Return the first `size` bytes of a file, fewer where it is shorter."""
    content = os.read(descriptor, size)
    while len(content) < size and (part := os.read(descriptor, size - len(content))):
        content += part
    return content


def _settled(descriptor: int, facts: os.stat_result) -> tuple[os.stat_result, bool]:
    """Return the facts of a file, and whether its times would show a write from now on.

    The kernel counts a file's times in ticks of up to 10 ms: a file that was written to in this very tick can be
    written to again, and look the same.
    """
    if not _is_fresh(facts):
        return facts, True
    clocks.SYSTEM.sleep(_TICKS_SECONDS)
    facts = os.fstat(descriptor)
    return facts, not _is_fresh(facts)


def _is_fresh(facts: os.stat_result) -> bool:
    return abs(clocks.SYSTEM.wall() - facts.st_ctime_ns / 1e9) < _TICKS_SECONDS


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Return whether a file was not written to between two looks at it."""
    before, after = ((each.st_mtime_ns, each.st_ctime_ns, each.st_size) for each in (one, other))
    return before == after


def _segments(descriptor: int, size: int) -> list[tuple[int, int]] | None:
    """Return the stretches of data among the first `size` bytes as (offset, length); None where there is no hole.

    Where there would be too many stretches, small holes count as data. Raises OSError.
    """
    found: list[tuple[int, int]] = []
    at = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole up to the end
                break
            if error.errno == errno.EINVAL:  # this file system does not support it
                return None
            raise
        if start >= size:
            break
        at = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        if at <= start:  # the file was cut off at this very moment
            break
        found.append((start, at - start))
        if len(found) > tar.MOST_SEGMENTS:
            found = _merged_in_pairs(found)
    return None if found == [(0, size)] or not size else found


def _merged_in_pairs(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    last = found[-1:] if len(found) % 2 else []
    pairs = zip(found[::2], found[1::2])
    return [(first[0], second[0] + second[1] - first[0]) for first, second in pairs] + last
