"""Writing files to the tar one by one, while other processes may change them."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import stat
from collections.abc import Generator, Iterable, Iterator

from teleport_bootstrap import errors
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

# How long to wait for the leases of all files together, since the owner of the data can lease each of them.
LEASE_SECONDS = 2.0

# Holes are hashed as the zeros that they stand for, a second for a gibibyte, when packing and again when verifying.
# Nothing of Teleport has any.
MOST_HOLES = 16 * 1024**3

# Extended attributes and the map of a sparse file go into one header, which may have 1 MiB.
_MOST_EXTENDED = 512 * 1024

_PADDING = bytes(tar.RECORD)

_CHANGING = "was being written to: what is archived was read while it changed"


class _LeftOut(Exception):
    """A file is not archived; the text says why, and `missing` whether it belongs in the archive."""

    def __init__(self, text: str, *, missing: bool) -> None:
        super().__init__(text)
        self.missing = missing


class _TooLarge(Exception):
    """A file is read while it is archived: it is large or sparse. This is what is known of it by now."""

    def __init__(
        self, facts: os.stat_result, at_rest: bool, extended: dict[str, bytes], segments: tar.Segments | None
    ) -> None:
        super().__init__()
        self.facts = facts
        self.at_rest = at_rest
        self.extended = extended
        self.segments = segments


class Members:
    """Makes the members of the tar, and writes their lines of the manifest to `spool`."""

    def __init__(self, spool: Spool, names: accounts.Names) -> None:
        self._spool = spool
        # Needed for each file, and nearly always the same ones.
        self._owner = functools.lru_cache(maxsize=256)(names.user)
        self._group = functools.lru_cache(maxsize=256)(names.group)
        self._holes = 0
        self._lease_seconds = LEASE_SECONDS
        self._tree: interface.Tree | None = None
        self._top_owner = -1
        # Files with several names in this tree: the first path of each.
        self._links: dict[tuple[int, int], str] = {}
        self._counted = (0, 0, 0, 0)
        self.notes = interface.Notes()

    @property
    def totals(self) -> interface.Totals:
        """What was archived so far."""
        return interface.Totals(*self._counted)

    @property
    def entries(self) -> int:
        """How many members there are so far."""
        return self._counted[0]

    def left_out(self, tree: interface.Tree, path: str, text: str, missing: bool) -> None:
        """Note that a file of `tree` is not in the archive, and why; `missing`: it belongs in it."""
        self.note(interface.Note(path.lstrip("/"), text, missing or tree.needed(path)))

    def note(self, note: interface.Note) -> None:
        """Note something about a path that is not in the archive."""
        self._spool.write(manifest.note_line(note))
        self.notes.add(note)

    def add(self, tree: interface.Tree, found: walk.Found) -> Iterator[bytes]:
        """Yield what was found in `tree`, as parts of the tar; note it where it cannot be read. Raises FileTrouble."""
        if tree is not self._tree:
            self._tree, self._top_owner = tree, found.facts.st_uid
            self._links.clear()
        try:
            if self._counted[0] >= interface.Limits.entries:
                raise _LeftOut(f"is more than the {interface.Limits.entries} files of a backup; left out", missing=True)
            if found.descriptor != -1:
                yield from self._plain(found, found.facts, interface.DIRECTORY, attributes.read(found.descriptor))
            elif stat.S_ISLNK(found.facts.st_mode):
                yield from self._symlink(found)
            elif isinstance(found.choice, interface.Instead):
                yield from self._instead(found, found.choice)
            else:
                yield from self._regular(found)
        except _LeftOut as reason:
            self.left_out(tree, found.path, str(reason), reason.missing)
        except OSError as error:
            if error.errno in walk.VANISHED:
                self.left_out(tree, found.path, "vanished before it was read", False)
            elif error.errno in walk.REPLACED:
                self.left_out(tree, found.path, "became something else before it was read", False)
            else:
                self.left_out(tree, found.path, walk.unreadable(found.path, error), True)

    def _symlink(self, found: walk.Found) -> Iterator[bytes]:
        try:
            target = os.readlink(found.name, dir_fd=found.parent)
        except OSError as error:
            if error.errno == errno.EINVAL:  # not a link any more
                raise OSError(errno.ELOOP, "") from None
            raise
        extended = attributes.read(attributes.link_path(found.parent, found.name))
        yield from self._plain(found, found.facts, interface.SYMLINK, extended, link=target)
        if self._tree is not None and self._tree.needed(found.path):
            why = "is a symbolic link, and what it leads to is not in the backup"
            self.note(interface.Note(found.path.lstrip("/"), why, missing=True))

    def _instead(self, found: walk.Found, choice: interface.Instead) -> Iterator[bytes]:
        original, _ = self._open(found)
        try:
            extended = attributes.read(original)
        finally:
            os.close(original)
        try:
            descriptor = choice.open()
        except interface.Gone as gone:
            raise _LeftOut(str(gone), missing=False) from None
        except errors.BootstrapError as error:
            raise _LeftOut(error.message, missing=True) from None
        try:
            entry = self._entry(found, found.facts, interface.FILE, extended, os.fstat(descriptor).st_size)
            member = tar.Member(entry, extended)
            sha256, trouble = yield from self._stream(member, descriptor)
        finally:
            os.close(descriptor)
        self._done(member._replace(entry=entry._replace(sha256=sha256)), trouble or choice.note)

    def _regular(self, found: walk.Found) -> Iterable[bytes]:
        """Return a file as parts of the tar; a small one, which all but some are, has been read by then."""
        for attempt in range(_ATTEMPTS):
            descriptor, facts = self._open(found)
            try:
                parts = self._read(found, descriptor, facts, is_last=attempt == _ATTEMPTS - 1)
            except _TooLarge as large:
                return self._large(found, descriptor, large)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            if parts is not None:
                return parts
        return ()

    def _read(
        self, found: walk.Found, descriptor: int, facts: os.stat_result, *, is_last: bool
    ) -> Iterable[bytes] | None:
        """Return a file; None where it changed meanwhile. Raises _TooLarge for one that is not read whole."""
        has_names = facts.st_nlink > 1
        if has_names:
            if self._tree is not None and self._tree.hostile and facts.st_uid != self._top_owner:
                raise _LeftOut("has another name elsewhere and another owner; left out", missing=False)
            identity = (facts.st_dev, facts.st_ino)
            if identity in self._links:
                link = self._links[identity].lstrip("/")
                return tuple(self._plain(found, facts, interface.HARDLINK, {}, link=link))
        facts, at_rest = _settled(descriptor, facts)
        size = facts.st_size
        extended = attributes.read(descriptor)
        segments = self._segments(descriptor, size) if facts.st_blocks * 512 < size else None
        if size > SMALL or segments is not None:
            raise _TooLarge(facts, at_rest, extended, segments)
        content = _whole(descriptor, size)
        is_undisturbed = at_rest and len(content) == size and _is_same(facts, descriptor)
        if not is_undisturbed and not is_last:
            return None
        sha256 = hashlib.sha256(content).hexdigest()
        entry = self._entry(found, facts, interface.FILE, extended, len(content), sha256=sha256)
        member = tar.Member(entry, extended)
        self._done(member, "" if is_undisturbed else _CHANGING)
        if has_names:
            self._links[identity] = found.path
        return (b"".join((member.headers(), content, _PADDING[: -len(content) % tar.RECORD])),)

    def _large(self, found: walk.Found, descriptor: int, large: _TooLarge) -> Iterator[bytes]:
        """Yield a file that is not read whole, and close it."""
        try:
            facts = large.facts
            entry = self._entry(found, facts, interface.FILE, large.extended, facts.st_size)
            member = tar.Member(entry, large.extended, large.segments)
            sha256, trouble = yield from self._stream(member, descriptor)
            is_undisturbed = large.at_rest and _is_same(facts, descriptor)
        finally:
            os.close(descriptor)
        note = trouble or ("" if is_undisturbed else _CHANGING)
        self._done(member._replace(entry=entry._replace(sha256=sha256)), note)
        if facts.st_nlink > 1:
            self._links[facts.st_dev, facts.st_ino] = found.path

    def _stream(self, member: tar.Member, descriptor: int) -> Generator[bytes, None, tuple[str, str]]:
        """Yield a file while it is read, missing bytes as zeros; return its SHA-256, and a note where bytes missed."""
        trouble = ""
        # Before the header, so that a file of which nothing can be read is left out.
        os.pread(descriptor, 1, member.stretches[0][0] if member.stretches else 0)
        digest = tar.ContentDigest()
        yield member.headers()
        for start, length in member.stretches:
            at, end = start, start + length
            while at < end:
                try:
                    # Not again after an error: a broken disk takes its time for each.
                    part = b"" if trouble else os.pread(descriptor, min(_STEP, end - at), at)
                except OSError as error:
                    part = b""
                    trouble = f"{walk.unreadable(member.entry.path, error)}; from byte {at} on it has zeros instead"
                    self.note(interface.Note(member.entry.path, trouble, missing=True))
                if not part:
                    trouble, part = trouble or _CHANGING, bytes(min(_STEP, end - at))
                digest.add(at, part)
                at += len(part)
                yield part
        yield bytes(member.padding)
        return digest.hexdigest(member.entry.size), trouble

    def _plain(
        self, found: walk.Found, facts: os.stat_result, kind: str, extended: dict[str, bytes], link: str = ""
    ) -> Iterator[bytes]:
        """Yield a member without content."""
        member = tar.Member(self._entry(found, facts, kind, extended, 0, link), extended)
        yield member.headers()
        self._done(member)

    def _entry(  # noqa: PLR0917
        self,
        found: walk.Found,
        facts: os.stat_result,
        kind: str,
        extended: dict[str, bytes],
        size: int,
        link: str = "",
        sha256: str = "",
    ) -> Entry:
        xattrs = ""
        if extended:
            if sum(len(name) + len(value) for name, value in extended.items()) > _MOST_EXTENDED:
                raise _LeftOut("has more extended attributes than a backup can hold; left out", missing=True)
            xattrs = attributes.digest(extended)
        uid, gid = facts.st_uid, facts.st_gid
        mode, names = stat.S_IMODE(facts.st_mode), (self._owner(uid), self._group(gid))
        return Entry(found.path[1:], kind, mode, uid, gid, *names, facts.st_mtime_ns, size, sha256, link, xattrs)

    def _done(self, member: tar.Member, note: str = "") -> None:
        """Add a member to the manifest, now that all of it is known."""
        entry = member.entry
        if note:
            entry = entry._replace(note=note)
            self.notes.add(interface.Note(entry.path, note))
        self._spool.write(manifest.line(entry))
        entries, files, content, data = self._counted
        is_file = entry.kind == interface.FILE
        self._counted = entries + 1, files + is_file, content + entry.size, data + member.data

    def _segments(self, descriptor: int, size: int) -> list[tuple[int, int]] | None:
        """Return the stretches of data of a file as `_stretches` does. Raises _LeftOut for too many bytes of holes."""
        found, holes = _stretches(descriptor, size)
        if self._holes + holes > MOST_HOLES:
            why = f"is sparse: it has holes of {holes} bytes, more than a backup can hold; left out"
            raise _LeftOut(why, missing=True)
        self._holes += holes
        return found

    def _open(self, found: walk.Found) -> tuple[int, os.stat_result]:
        """Open a regular file, whatever may have taken its place. Raises OSError, EAGAIN for one with a lease."""
        begun = clocks.SYSTEM.monotonic()
        try:
            return regular_file.opened_with_facts(
                found.name, directory=found.parent, lease_seconds=min(regular_file.LEASE_SECONDS, self._lease_seconds)
            )
        except OSError as error:
            if error.errno == errno.EAGAIN:
                self._lease_seconds = max(0.0, self._lease_seconds - (clocks.SYSTEM.monotonic() - begun))
            raise


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


def _is_same(before: os.stat_result, descriptor: int) -> bool:
    """Return whether a file was not written to since an earlier look at it; never raises."""
    try:
        after = os.fstat(descriptor)
    except OSError:
        return False
    return (
        before.st_mtime_ns == after.st_mtime_ns
        and before.st_ctime_ns == after.st_ctime_ns
        and before.st_size == after.st_size
    )


def _stretches(descriptor: int, size: int) -> tuple[list[tuple[int, int]] | None, int]:
    """Return the stretches of data among the first `size` bytes as (offset, length), and how many bytes are holes.

    None instead of stretches where there is no hole. Where there would be too many stretches, small holes are in them
    too. Raises OSError.
    """
    found: list[tuple[int, int]] = []
    at = data = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole up to the end
                break
            if error.errno == errno.EINVAL:  # this file system does not support it
                return None, 0
            raise
        if start >= size:
            break
        at = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        if at <= start:  # the file was cut off at this very moment
            break
        found.append((start, at - start))
        data += at - start
        if len(found) > tar.MOST_SEGMENTS:
            found = _merged_in_pairs(found)
    return None if found == [(0, size)] or not size else found, size - data


def _merged_in_pairs(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    last = found[-1:] if len(found) % 2 else []
    pairs = zip(found[::2], found[1::2])
    return [(first[0], second[0] + second[1] - first[0]) for first, second in pairs] + last
