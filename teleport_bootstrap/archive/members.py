"""Writing files to the tar one by one, while other processes may change them."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import stat
from collections.abc import Generator, Iterator

from teleport_bootstrap.archive import attributes, interface, manifest, tar, walk
from teleport_bootstrap.archive.interface import Entry
from teleport_bootstrap.archive.spool import Spool
from teleport_bootstrap.host import accounts, regular_file
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
    """Makes the members of the tar, and writes their lines of the manifest to `spool`."""

    def __init__(self, spool: Spool, names: accounts.Names) -> None:
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

    def add(self, tree: interface.Tree, found: walk.Found) -> Iterator[bytes]:
        """Yield what was found in `tree`, as parts of the tar. Raises FileTrouble."""
        if tree is not self._tree:
            self._tree, self._top_owner = tree, found.facts.st_uid
            self._links.clear()
        try:
            if found.descriptor != -1:
                yield from self._plain(found, found.facts, interface.DIRECTORY, attributes.read(found.descriptor))
            elif stat.S_ISLNK(found.facts.st_mode):
                yield from self._symlink(found)
            elif isinstance(found.choice, interface.Instead):
                yield from self._instead(found, found.choice)
            else:
                yield from self._regular(found)
        except _LeftOut as reason:
            self.left_out(found.path, str(reason))
        except OSError as error:
            if error.errno in walk.VANISHED:
                self.left_out(found.path, "vanished before it was read")
            elif error.errno in walk.REPLACED:
                self.left_out(found.path, "became something else before it was read")
            else:
                raise walk.trouble(found.path, error) from None

    def _symlink(self, found: walk.Found) -> Iterator[bytes]:
        try:
            target = os.readlink(found.name, dir_fd=found.parent)
        except OSError as error:
            if error.errno == errno.EINVAL:  # not a link any more
                raise OSError(errno.ELOOP, "") from None
            raise
        extended = attributes.read(attributes.link_path(found.parent, found.name))
        yield from self._plain(found, found.facts, interface.SYMLINK, extended, link=target)

    def _instead(self, found: walk.Found, choice: interface.Instead) -> Iterator[bytes]:
        original = _open(found)
        try:
            extended = attributes.read(original)
        finally:
            os.close(original)
        try:
            descriptor = choice.open()
        except interface.Gone as gone:
            raise _LeftOut(str(gone)) from None
        try:
            entry = self._entry(found, found.facts, interface.FILE, extended, os.fstat(descriptor).st_size)
            member = tar.Member(entry, extended)
            sha256, is_whole = yield from self._stream(member, descriptor)
        finally:
            os.close(descriptor)
        self._done(member, sha256, choice.note if is_whole else _CHANGING)

    def _regular(self, found: walk.Found) -> Iterator[bytes]:
        for attempt in range(_ATTEMPTS):
            descriptor = _open(found)
            try:
                if (yield from self._read(found, descriptor, is_last=attempt == _ATTEMPTS - 1)):
                    return
            finally:
                os.close(descriptor)

    def _read(self, found: walk.Found, descriptor: int, *, is_last: bool) -> Generator[bytes, None, bool]:
        """Yield a file; return False where it changed meanwhile and nothing was yielded."""
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.ELOOP, "")
        identity = (facts.st_dev, facts.st_ino)
        if facts.st_nlink > 1:
            if self._tree is not None and self._tree.hostile and facts.st_uid != self._top_owner:
                raise _LeftOut("has another name elsewhere and another owner; left out")
            if identity in self._links:
                yield from self._plain(found, facts, interface.HARDLINK, {}, link=self._links[identity].lstrip("/"))
                return True
        facts, at_rest = _settled(descriptor, facts)
        size = facts.st_size
        extended = attributes.read(descriptor)
        segments = _segments(descriptor, size) if facts.st_blocks * 512 < size else None
        content = None
        if size <= SMALL and segments is None:
            content = _whole(descriptor, size)
            is_undisturbed = at_rest and len(content) == size and _is_same(facts, os.fstat(descriptor))
            if not is_undisturbed and not is_last:
                return False
            size = len(content)
        member = tar.Member(self._entry(found, facts, interface.FILE, extended, size), extended, segments)
        if content is not None:
            sha256 = hashlib.sha256(content).hexdigest()
            yield member.headers()
            yield tar.padded(content)
        else:
            self._holes += size - member.data
            if self._holes > interface.Limits.holes:
                raise _LeftOut("has larger holes than a backup may hold; left out")
            sha256, is_whole = yield from self._stream(member, descriptor)
            is_undisturbed = at_rest and is_whole and _is_same(facts, os.fstat(descriptor))
        self._done(member, sha256, "" if is_undisturbed else _CHANGING)
        if facts.st_nlink > 1:
            self._links[identity] = found.path
        return True

    def _stream(self, member: tar.Member, descriptor: int) -> Generator[bytes, None, tuple[str, bool]]:
        """Yield a file while it is read, missing bytes as zeros; return its SHA-256, and whether it had all bytes."""
        is_whole = True
        digest = tar.ContentDigest()
        yield member.headers()
        for start, length in member.stretches:
            at, end = start, start + length
            while at < end:
                part = os.pread(descriptor, min(_STEP, end - at), at)
                if not part:
                    is_whole, part = False, bytes(min(_STEP, end - at))
                digest.add(at, part)
                at += len(part)
                yield part
        yield bytes(member.padding)
        return digest.hexdigest(member.entry.size), is_whole

    def _plain(
        self, found: walk.Found, facts: os.stat_result, kind: str, extended: dict[str, bytes], link: str = ""
    ) -> Iterator[bytes]:
        """Yield a member without content."""
        member = tar.Member(self._entry(found, facts, kind, extended, 0, link), extended)
        yield member.headers()
        self._done(member)

    def _entry(  # noqa: PLR0917
        self, found: walk.Found, facts: os.stat_result, kind: str, extended: dict[str, bytes], size: int, link: str = ""
    ) -> Entry:
        uid, gid = facts.st_uid, facts.st_gid
        mode, names = stat.S_IMODE(facts.st_mode), (self._owner(uid), self._group(gid))
        xattrs = attributes.digest(extended)
        return Entry(found.path[1:], kind, mode, uid, gid, *names, facts.st_mtime_ns, size, "", link, xattrs)

    def _done(self, member: tar.Member, sha256: str = "", note: str = "") -> None:
        """Add a member that has been written to the manifest."""
        entry = member.entry._replace(sha256=sha256, note=note)
        if note:
            self.notes.add(interface.Note(entry.path, note))
        self._spool.write(manifest.line(entry))
        self.totals = self.totals.with_one(entry.kind, entry.size, member.data)


def _open(found: walk.Found) -> int:
    # Something else may have taken the file's place.
    return regular_file.opened(found.name, directory=found.parent)


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
