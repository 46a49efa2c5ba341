"""Writing files to the tar one by one, while other processes may change them."""

from __future__ import annotations

import dataclasses
import errno
import functools
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from teleport_bootstrap.archive import attributes, interface, sparse, tar_headers, walk
from teleport_bootstrap.archive.interface import Entry
from teleport_bootstrap.archive.stream import Output
from teleport_bootstrap.host import accounts
from teleport_bootstrap.host import clock as clocks

# Files up to this size are read whole before anything of them is written: one that changed meanwhile is simply read
# again. Of a larger one, the first reading is in the archive by then and stays there, superseded by the next member.
SMALL = 1024 * 1024
_SMALL_ATTEMPTS = 4
_LARGE_ATTEMPTS = 2
_STEP = 1024 * 1024

# Two of the longest ticks.
_TICKS_SECONDS = 0.02

_CHANGING = "was being written to: what is archived was read while it changed"

# Entries for the manifest, each with how many bytes of it were data; none where the file is not archived.
Added = list[tuple[Entry, int]]


@dataclass(frozen=True)
class _Reading:
    """What came of reading a file once."""

    size: int
    data: int
    sha256: str
    undisturbed: bool


class _LeftOut(Exception):
    """A file is not archived; the text says why."""


class Members:
    """Writes members to `output`. `left_out` and `noted` are told why a path is not, or not quite, in the archive."""

    def __init__(
        self, output: Output, names: accounts.Names, *, left_out: walk.Tell, noted: walk.Tell, tick: Callable[[], None]
    ) -> None:
        self._output = output
        self._left_out = left_out
        self._noted = noted
        self._tick = tick
        # Asked for with each file, and hardly ever another.
        self._owner = functools.lru_cache(maxsize=256)(lambda uid: _both(names.user(uid)))
        self._group = functools.lru_cache(maxsize=256)(lambda gid: _both(names.group(gid)))
        self._holes = 0
        self._begin(None)

    def _begin(self, tree: Optional[interface.Tree]) -> None:
        self._tree = tree
        self._top_owner = -1
        # Only of files with several names.
        self._links: dict[tuple[int, int], str] = {}

    def add(self, tree: interface.Tree, found: walk.Found) -> Added:
        """Write what was found in `tree`; return what the manifest has to say of it. Raises FileTrouble."""
        if tree is not self._tree:
            self._begin(tree)
            self._top_owner = found.facts.st_uid
        try:
            if found.descriptor != -1:
                return self._directory(found)
            if stat.S_ISLNK(found.facts.st_mode):
                return self._symlink(found)
            if isinstance(found.choice, interface.Instead):
                return self._instead(found, found.choice)
            return self._regular(found, hostile=tree.hostile)
        except _LeftOut as reason:
            self._left_out(found.path, str(reason))
            return []
        except OSError as error:
            if error.errno in walk.VANISHED:
                self._left_out(found.path, "vanished before it was read")
            elif error.errno in walk.REPLACED:
                self._left_out(found.path, "became something else before it was read")
            else:
                raise walk.trouble(found.path, error) from None
            return []

    def _directory(self, found: walk.Found) -> Added:
        entry = self._member(found, found.facts, interface.DIRECTORY, attributes.of_descriptor(found.descriptor))
        return [(entry, 0)]

    def _symlink(self, found: walk.Found) -> Added:
        try:
            target = os.readlink(found.name, dir_fd=found.parent)
        except OSError as error:
            if error.errno == errno.EINVAL:  # not a link any more
                raise OSError(errno.ELOOP, "") from None
            raise
        extended = attributes.of_link(found.parent, found.name)
        entry = self._member(found, found.facts, interface.SYMLINK, extended, link=target)
        return [(entry, 0)]

    def _regular(self, found: walk.Found, *, hostile: bool) -> Added:
        # Only of a large file; it is in the archive already.
        earlier: Optional[tuple[Entry, int]] = None
        attempts = 0
        while True:
            attempts += 1
            try:
                one = self._attempt(found, attempts, hostile=hostile)
            except (OSError, _LeftOut) as error:
                if earlier is None or (isinstance(error, OSError) and error.errno not in walk.VANISHED + walk.REPLACED):
                    raise
                # It has gone since, or become something that does not belong here: what there was has to do.
                return [(self._noting(earlier[0], _CHANGING), earlier[1])]
            if one is not None and earlier is not None:
                return [(_changed(earlier[0], superseded=True), earlier[1]), one]
            if one is not None and (not one[0].superseded):
                return [one]
            earlier = one

    def _attempt(self, found: walk.Found, attempts: int, *, hostile: bool) -> Optional[tuple[Entry, int]]:
        """Read a file and write it; None where it changed and nothing was written, marked where it is written."""
        descriptor = _open(found)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise OSError(errno.ELOOP, "")
            if facts.st_nlink > 1:
                if hostile and facts.st_uid != self._top_owner:
                    raise _LeftOut("has another name elsewhere, and belongs to somebody else; left out")
                known = self._links.get((facts.st_dev, facts.st_ino))
                if known is not None and attempts == 1:
                    return self._hardlink(found, facts, known)
            last = attempts >= (_SMALL_ATTEMPTS if facts.st_size <= SMALL else _LARGE_ATTEMPTS)
            facts, at_rest = _settled(descriptor, facts)
            one = self._read(found, descriptor, facts, at_rest=at_rest, last=last)
            if facts.st_nlink > 1 and one is not None and not one[0].superseded:
                self._links[facts.st_dev, facts.st_ino] = found.path
            return one
        finally:
            os.close(descriptor)

    def _hardlink(self, found: walk.Found, facts: os.stat_result, first: str) -> tuple[Entry, int]:
        entry = self._member(found, facts, interface.HARDLINK, {}, link=first.lstrip("/"))
        return entry, 0

    def _instead(self, found: walk.Found, choice: interface.Instead) -> Added:
        original = _open(found)
        try:
            extended = attributes.of_descriptor(original)
        finally:
            os.close(original)
        try:
            descriptor = choice.open()
        except interface.Gone as gone:
            self._left_out(found.path, str(gone))
            return []
        try:
            size = os.fstat(descriptor).st_size
            entry, reading = self._streamed(found, found.facts, descriptor, size=size, extended=extended)
        finally:
            os.close(descriptor)
        return [(self._noting(entry, choice.note if reading.undisturbed else _CHANGING), reading.data)]

    def _read(
        self, found: walk.Found, descriptor: int, facts: os.stat_result, *, at_rest: bool, last: bool
    ) -> Optional[tuple[Entry, int]]:
        """Write the file as it is read now; None where nothing was written, to be tried again."""
        size = facts.st_size
        extended = attributes.of_descriptor(descriptor)
        stretches = sparse.segments(descriptor, size) if facts.st_blocks * 512 < size else None
        if size <= SMALL and stretches is None:
            data = _whole(descriptor, size)
            undisturbed = at_rest and _same(facts, os.fstat(descriptor)) and len(data) == size
            if not undisturbed and not last:
                return None
            entry = self._member(
                found, facts, interface.FILE, extended, data=data, sha256=hashlib.sha256(data).hexdigest()
            )
            return self._noting(entry, "" if undisturbed else _CHANGING), len(data)
        if stretches is not None:
            self._holes += size - sum(length for _, length in stretches)
            if self._holes > interface.Limits.holes:
                raise _LeftOut("has larger holes than a backup may hold; left out")
        entry, reading = self._streamed(found, facts, descriptor, size=size, extended=extended, stretches=stretches)
        if at_rest and _same(facts, os.fstat(descriptor)) and reading.undisturbed:
            return entry, reading.data
        if last:
            return self._noting(entry, _CHANGING), reading.data
        return _changed(entry, superseded=True), reading.data

    def _streamed(
        self,
        found: walk.Found,
        facts: os.stat_result,
        descriptor: int,
        *,
        size: int,
        extended: dict[str, bytes],
        stretches: Optional[list[tuple[int, int]]] = None,
    ) -> tuple[Entry, _Reading]:
        """Write a file that is read while it is written; what it lacks at its end is filled up with zeros."""
        head_data = b"" if stretches is None else tar_headers.sparse_map(stretches, size)
        stored = size if stretches is None else len(head_data) + sum(length for _, length in stretches)
        entry = self._member(
            found, facts, interface.FILE, extended, size=size, stored=stored, is_sparse=stretches is not None
        )
        self._output.write(head_data)
        whole = hashlib.sha256()
        at = 0
        undisturbed = True
        for start, length in [(0, size)] if stretches is None else stretches:
            sparse.hash_zeros(whole, start - at)
            at = start
            while at < start + length:
                # Straight to where it is compressed from.
                part = self._output.space(min(_STEP, start + length - at))
                size_read = os.preadv(descriptor, [part], at)
                if not size_read:
                    undisturbed = False
                    size_read = len(part)
                    part[:] = bytes(size_read)
                whole.update(part[:size_read])
                self._output.filled(size_read)
                at += size_read
                self._tick()
        sparse.hash_zeros(whole, size - at)
        self._output.write(tar_headers.padding(stored))
        digest = whole.hexdigest()
        return _changed(entry, sha256=digest), _Reading(size, stored - len(head_data), digest, undisturbed)

    def _member(
        self,
        found: walk.Found,
        facts: os.stat_result,
        kind: str,
        extended: dict[str, bytes],
        *,
        data: bytes = b"",
        size: int = -1,
        stored: int = -1,
        is_sparse: bool = False,
        sha256: str = "",
        link: str = "",
    ) -> Entry:
        """Write a member's head, and its data where they are given; return what the manifest says of it."""
        size = len(data) if size == -1 else size
        mode, mtime = stat.S_IMODE(facts.st_mode), facts.st_mtime_ns
        owner, raw_owner = self._owner(facts.st_uid)
        group, raw_group = self._group(facts.st_gid)
        head = tar_headers.Head(
            found.raw,
            _TYPES[kind],
            mode,
            facts.st_uid,
            facts.st_gid,
            raw_owner,
            raw_group,
            mtime // 1_000_000_000,
            size if stored == -1 else stored,
            os.fsencode(link) if link else b"",
            size if is_sparse else None,
            extended,
        )
        self._output.write(head.pack())
        if data:
            self._output.write(data)
            self._output.write(tar_headers.padding(size))
        digest = attributes.digest(extended)
        path = found.path[1:]
        return Entry(path, kind, mode, facts.st_uid, facts.st_gid, owner, group, mtime, size, sha256, link, digest)

    def _noting(self, entry: Entry, text: str) -> Entry:
        if not text:
            return entry
        self._noted(f"/{entry.path}", text)
        return _changed(entry, superseded=False, note=text)


_TYPES = {
    interface.FILE: tar_headers.REGULAR,
    interface.DIRECTORY: tar_headers.DIRECTORY,
    interface.SYMLINK: tar_headers.SYMBOLIC,
    interface.HARDLINK: tar_headers.LINK,
}

_changed = dataclasses.replace


def _both(name: str) -> tuple[str, bytes]:
    return name, os.fsencode(name)


def _open(found: walk.Found) -> int:
    # Without waiting: a named pipe may have taken the file's place.
    return os.open(found.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=found.parent)


def _whole(descriptor: int, size: int) -> bytes:
    """Return the first `size` bytes of a file, fewer where it has no more."""
    data = os.read(descriptor, size)
    while len(data) < size:
        part = os.read(descriptor, size - len(data))
        if not part:
            break
        data += part
    return data


def _settled(descriptor: int, facts: os.stat_result) -> tuple[os.stat_result, bool]:
    """Return the facts of a file whose times would tell of a write from now on; False where they still would not.

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


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether nobody wrote to a file between two looks at it."""
    return (before.st_mtime_ns, before.st_ctime_ns, before.st_size) == (
        after.st_mtime_ns,
        after.st_ctime_ns,
        after.st_size,
    )
