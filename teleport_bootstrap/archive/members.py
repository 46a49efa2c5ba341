"""Writing files to the tar one by one, while other processes may change them."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import stat
from collections.abc import Callable, Sequence

from teleport_bootstrap.archive import attributes, interface, tar, walk
from teleport_bootstrap.archive.interface import Entry
from teleport_bootstrap.archive.stream import Output
from teleport_bootstrap.host import accounts
from teleport_bootstrap.host import clock as clocks

# Files up to this size are read whole before anything of them is written: one that changed meanwhile is read again. Of
# a larger one, the first reading is in the archive by then and stays there, superseded by the next member.
SMALL = 1024 * 1024
_SMALL_ATTEMPTS = 4
_LARGE_ATTEMPTS = 2
_STEP = 1024 * 1024

# Two of the kernel's longest ticks.
_TICKS_SECONDS = 0.02

_CHANGING = "was being written to: what is archived was read while it changed"

# Entries for the manifest, each with the number of its data bytes; empty where the file is not archived.
Added = list[tuple[Entry, int]]


class _LeftOut(Exception):
    """A file is not archived; the text says why."""


class Members:
    """Writes members to `output`. Calls `left_out` for a path that is not archived, `noted` for one that is, but ..."""

    def __init__(
        self, output: Output, names: accounts.Names, *, left_out: walk.Note, noted: walk.Note, tick: Callable[[], None]
    ) -> None:
        self._output = output
        self._left_out = left_out
        self._noted = noted
        self._tick = tick
        # Needed for each file, and nearly always the same ones.
        self._owner = functools.lru_cache(maxsize=256)(names.user)
        self._group = functools.lru_cache(maxsize=256)(names.group)
        self._holes = 0
        self._tree: interface.Tree | None = None
        self._top_owner = -1
        # Files with several names in this tree: the first path of each.
        self._links: dict[tuple[int, int], str] = {}

    def add(self, tree: interface.Tree, found: walk.Found) -> Added:
        """Write what was found in `tree`; return its entries for the manifest. Raises FileTrouble."""
        if tree is not self._tree:
            self._tree, self._top_owner = tree, found.facts.st_uid
            self._links.clear()
        try:
            if found.descriptor != -1:
                extended = attributes.of_descriptor(found.descriptor)
                return [(self._member(found, found.facts, interface.DIRECTORY, extended), 0)]
            if stat.S_ISLNK(found.facts.st_mode):
                return self._symlink(found)
            if isinstance(found.choice, interface.Instead):
                return self._instead(found, found.choice)
            return self._regular(found, hostile=tree.hostile)
        except _LeftOut as reason:
            self._left_out(found.path, str(reason))
        except OSError as error:
            if error.errno in walk.VANISHED:
                self._left_out(found.path, "vanished before it was read")
            elif error.errno in walk.REPLACED:
                self._left_out(found.path, "became something else before it was read")
            else:
                raise walk.trouble(found.path, error) from None
        return []

    def _symlink(self, found: walk.Found) -> Added:
        try:
            target = os.readlink(found.name, dir_fd=found.parent)
        except OSError as error:
            if error.errno == errno.EINVAL:  # not a link any more
                raise OSError(errno.ELOOP, "") from None
            raise
        extended = attributes.of_link(found.parent, found.name)
        return [(self._member(found, found.facts, interface.SYMLINK, extended, link=target), 0)]

    def _instead(self, found: walk.Found, choice: interface.Instead) -> Added:
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
        return [(self._with_note(entry, choice.note if is_whole else _CHANGING), size)]

    def _regular(self, found: walk.Found, *, hostile: bool) -> Added:
        # The first reading of a large file, which is in the archive already.
        earlier: tuple[Entry, int] | None = None
        attempts = 0
        while True:
            attempts += 1
            try:
                one = self._attempt(found, attempts, hostile=hostile)
            except (OSError, _LeftOut) as error:
                if earlier is None or (isinstance(error, OSError) and error.errno not in walk.VANISHED + walk.REPLACED):
                    raise
                # It has vanished since, or became something that does not belong here: the first reading has to do.
                return [(self._with_note(earlier[0], _CHANGING), earlier[1])]
            if one is not None and not one[0].superseded:
                return [one] if earlier is None else [earlier, one]
            # A file that has become small may need several more attempts.
            earlier = one or earlier

    def _attempt(self, found: walk.Found, attempts: int, *, hostile: bool) -> tuple[Entry, int] | None:
        """Read a file and write it; return None where nothing was written, a superseded entry to have it read again."""
        descriptor = _open(found)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise OSError(errno.ELOOP, "")
            if facts.st_nlink > 1:
                if hostile and facts.st_uid != self._top_owner:
                    raise _LeftOut("has another name elsewhere and another owner; left out")
                first = self._links.get((facts.st_dev, facts.st_ino))
                if first is not None and attempts == 1:
                    return self._member(found, facts, interface.HARDLINK, {}, link=first.lstrip("/")), 0
            is_last = attempts >= (_SMALL_ATTEMPTS if facts.st_size <= SMALL else _LARGE_ATTEMPTS)
            facts, at_rest = _settled(descriptor, facts)
            one = self._read(found, descriptor, facts, at_rest=at_rest, is_last=is_last)
            if facts.st_nlink > 1 and one is not None and not one[0].superseded:
                self._links[facts.st_dev, facts.st_ino] = found.path
            return one
        finally:
            os.close(descriptor)

    def _read(
        self, found: walk.Found, descriptor: int, facts: os.stat_result, *, at_rest: bool, is_last: bool
    ) -> tuple[Entry, int] | None:
        size = facts.st_size
        extended = attributes.of_descriptor(descriptor)
        stretches = _segments(descriptor, size) if facts.st_blocks * 512 < size else None
        if size <= SMALL and stretches is None:
            content = _whole(descriptor, size)
            is_undisturbed = at_rest and _is_same(facts, os.fstat(descriptor)) and len(content) == size
            if not is_undisturbed and not is_last:
                return None
            sha256 = hashlib.sha256(content).hexdigest()
            entry = self._member(found, facts, interface.FILE, extended, size=len(content))._replace(sha256=sha256)
            self._output.write(tar.padded(content))
            return self._with_note(entry, "" if is_undisturbed else _CHANGING), len(content)
        data = size if stretches is None else sum(length for _, length in stretches)
        self._holes += size - data
        if self._holes > interface.Limits.holes:
            raise _LeftOut("has larger holes than a backup may hold; left out")
        entry, is_whole = self._streamed(found, facts, descriptor, extended, size, stretches)
        if at_rest and is_whole and _is_same(facts, os.fstat(descriptor)):
            return entry, data
        if is_last:
            return self._with_note(entry, _CHANGING), data
        return entry._replace(superseded=True), data

    def _streamed(  # noqa: PLR0917
        self,
        found: walk.Found,
        facts: os.stat_result,
        descriptor: int,
        extended: dict[str, bytes],
        size: int,
        stretches: Sequence[tuple[int, int]] | None,
    ) -> tuple[Entry, bool]:
        """Write a file while it is read, missing bytes as zeros; return its entry, and whether it had `size` bytes."""
        entry = self._member(found, facts, interface.FILE, extended, size=size, segments=stretches)
        whole = tar.ContentDigest()
        stored = 0
        is_whole = True
        for start, length in [(0, size)] if stretches is None else stretches:
            at = start
            while at < start + length:
                # Straight into the buffer that is compressed.
                part = self._output.space(min(_STEP, start + length - at))
                count = os.preadv(descriptor, [part], at)
                if not count:
                    is_whole = False
                    count = len(part)
                    part[:] = bytes(count)
                whole.add(at, part[:count])
                self._output.filled(count)
                at += count
                self._tick()
            stored += length
        self._output.write(bytes(-stored % tar.RECORD))
        return entry._replace(sha256=whole.hexdigest(size)), is_whole

    def _member(
        self,
        found: walk.Found,
        facts: os.stat_result,
        kind: str,
        extended: dict[str, bytes],
        *,
        size: int = 0,
        link: str = "",
        segments: tar.Segments | None = None,
    ) -> Entry:
        """Write a member's headers; return its entry for the manifest."""
        uid, gid = facts.st_uid, facts.st_gid
        entry = Entry(
            found.path[1:],
            kind,
            stat.S_IMODE(facts.st_mode),
            uid,
            gid,
            self._owner(uid),
            self._group(gid),
            facts.st_mtime_ns,
            size,
            link=link,
            xattrs=attributes.digest(extended),
        )
        self._output.write(tar.Member(entry, extended, segments).headers())
        return entry

    def _with_note(self, entry: Entry, text: str) -> Entry:
        if not text:
            return entry
        self._noted(f"/{entry.path}", text)
        return entry._replace(superseded=False, note=text)


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


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    """Return whether a file was not written to between two looks at it."""
    names = ("st_mtime_ns", "st_ctime_ns", "st_size")
    return all(getattr(before, name) == getattr(after, name) for name in names)


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
        end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        if end <= start:  # the file was cut off at this very moment
            break
        found.append((start, end - start))
        if len(found) > tar.MOST_SEGMENTS:
            found = _merged_in_pairs(found)
        at = end
    return None if found == [(0, size)] or not size else found


def _merged_in_pairs(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    last = found[-1:] if len(found) % 2 else []
    pairs = zip(found[::2], found[1::2])
    return [(first[0], second[0] + second[1] - first[0]) for first, second in pairs] + last
