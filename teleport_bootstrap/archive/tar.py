"""The members of the tar: POSIX ustar headers, with GNU's long names and pax records only where ustar has no room.

Long names are GNU's (types L and K) because those hold any bytes; pax names are UTF-8, and tars differ in what they do
with others. Sparse files are in GNU's pax format 0.1, whose map is a pax record. The manifest has the nanoseconds.

An archive may come from anywhere. Every header is parsed, written again from what was parsed, and compared: one that
differs in a single byte from what this agent would have written is refused. So nothing depends on how a tar reader
takes numbers with blanks, repeated records, or names in three places. Python's tarfile accepts all of these, reads
records of any length into memory, and takes longer for a header than all the rest takes for a small file.

References: POSIX pax, "ustar Interchange Format"; GNU tar manual, "Storing Sparse Files" and "Basic Tar Format".
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from teleport_bootstrap.archive import attributes, interface
from teleport_bootstrap.archive.interface import Entry
from teleport_bootstrap.hints import Final, NamedTuple

RECORD: Final = tarfile.BLOCKSIZE

# The end of a tar: two empty records.
_EMPTY: Final = bytes(RECORD)
END: Final = _EMPTY * 2

LONGEST_NAME: Final = 4095
# Stretches of data in a sparse file; also what is written at most.
MOST_SEGMENTS: Final = 16_384

# What may stand before a header, with the largest size. Pax records hold the map of a sparse file, and extended
# attributes: Linux keeps at most 64 KiB in one and, on most file systems, far less in all.
_EXTRA = {
    tarfile.GNUTYPE_LONGNAME: LONGEST_NAME + 1,
    tarfile.GNUTYPE_LONGLINK: LONGEST_NAME + 1,
    tarfile.XHDTYPE: 1024 * 1024,
}
_LARGEST: Final = 0o77777777777
_LARGEST_SHORT = {"uid": 0o7777777, "gid": 0o7777777, "size": _LARGEST, "mtime": _LARGEST}
# 2 ** 32 - 1 would mean: leave the owner as it is.
_LARGEST_ID = 2**32 - 2
_SECOND = 1_000_000_000

_XATTR = "SCHILY.xattr."
_BLOCKS, _SPARSE_SIZE, _MAP = "GNU.sparse.numblocks", "GNU.sparse.size", "GNU.sparse.map"

TYPES: Final = {
    interface.FILE: tarfile.REGTYPE,
    interface.DIRECTORY: tarfile.DIRTYPE,
    interface.SYMLINK: tarfile.SYMTYPE,
    interface.HARDLINK: tarfile.LNKTYPE,
}
_KINDS = {type: kind for kind, type in TYPES.items()}
_REFUSED = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe", b"g": "global pax records"}

# Name, mode, uid, gid, size, mtime, checksum, type, link, magic, user, group; then devices and a prefix, not used.
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s183x")
_OWNER: Final = slice(100, 124)
_SIZE: Final = slice(124, 136)
_TIME: Final = slice(136, 148)
_TYPE: Final = slice(156, 157)
_REST: Final = slice(156, 512)
_REST_FIELDS = struct.Struct("1s100s8s32s32s183x")

Segments = Sequence[tuple[int, int]]
# Returns the next so many bytes of the tar, all of them; raises where there are fewer.
Take = Callable[[int], bytes]


class Refused(Exception):
    """A member that this agent would not have written; `path` may be empty where it is not known."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text


_NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})


class Member(NamedTuple):
    """A member of the tar. `entry` has whole seconds and no SHA-256 where it was read from the tar.

    `extended` are its extended attributes; `segments`, for a sparse file only, its stretches of data (offset, length).
    """

    entry: Entry
    extended: Mapping[str, bytes] = _NOTHING
    segments: Segments | None = None

    @property
    def stretches(self) -> Segments:
        """The stretches of data, also of a file without holes."""
        return ((0, self.entry.size),) if self.segments is None else self.segments

    @property
    def data(self) -> int:
        """How many bytes of content are in the tar."""
        return self.entry.size if self.segments is None else sum(length for _, length in self.segments)

    @property
    def padding(self) -> int:
        """How many bytes fill up the last record after the content."""
        return -self.data % RECORD

    def headers(self) -> bytes:
        """Return all that stands before the content."""
        entry = self.entry
        if entry.link or self.extended or self.segments is not None:
            return self.any_headers()
        name, size, mtime = os.fsencode(entry.path), entry.size, entry.mtime // _SECOND
        usual = _usual(entry.kind, entry.mode, entry.uid, entry.gid, entry.owner, entry.group)
        if usual is None or len(name) > 100 or not (0 <= size <= _LARGEST and 0 <= mtime <= _LARGEST):
            return self.any_headers()
        before, after, total = usual
        numbers = b"%011o\0%011o\0" % (size, mtime)
        checksum = total + sum(name) + sum(numbers)
        return b"%b%b%b%06o\0 %b" % (name.ljust(100, b"\0"), before, numbers, checksum, after)

    def any_headers(self) -> bytes:
        """Return the same as `headers`, of a member of any kind; that is quicker for those that nearly all are."""
        entry = self.entry
        name, link = os.fsencode(entry.path), os.fsencode(entry.link)
        owner, group = os.fsencode(entry.owner), os.fsencode(entry.group)
        values = {} if self.segments is None else _sparse(self.segments, entry.size)
        numbers = {"uid": entry.uid, "gid": entry.gid, "size": self.data, "mtime": entry.mtime // _SECOND}
        for keyword, number in numbers.items():
            if not 0 <= number <= _LARGEST_SHORT[keyword]:
                values[keyword] = b"%d" % number
                numbers[keyword] = 0
        for keyword, text in (("uname", owner), ("gname", group)):
            if len(text) > 31:
                values[keyword] = text
        values.update((_XATTR + attribute, self.extended[attribute]) for attribute in sorted(self.extended))
        parts = [
            extra_header(type, text + b"\0")
            for type, text in ((tarfile.GNUTYPE_LONGNAME, name), (tarfile.GNUTYPE_LONGLINK, link))
            if len(text) > 100
        ]
        if values:
            parts.append(pax_header(values))
        parts.append(_record(name, TYPES[entry.kind], (entry.mode & 0o7777, *numbers.values()), link, owner, group))
        return b"".join(parts)


@functools.lru_cache(maxsize=256)
def _usual(  # noqa: PLR0917
    kind: str, mode: int, uid: int, gid: int, owner: str, group: str
) -> tuple[bytes, bytes, int] | None:
    """Return what a header has before its size, what after its checksum, and the sum of both with the empty checksum.

    They are the same for most files of a tree. None where pax records are needed, too.
    """
    names = os.fsencode(owner), os.fsencode(group)
    if uid > _LARGEST_SHORT["uid"] or gid > _LARGEST_SHORT["gid"] or max(map(len, names)) > 31:
        return None
    record = _record(b"", TYPES[kind], (mode & 0o7777, uid, gid, 0, 0), b"", *names)
    before, after = record[100:124], record[156:]
    return before, after, sum(before) + sum(after) + sum(b" " * 8)


def _record(  # noqa: PLR0917
    name: bytes, type: bytes, numbers: tuple[int, ...], link: bytes = b"", owner: bytes = b"", group: bytes = b""
) -> bytes:
    """Return one header; `numbers` are mode, user, group, size and time."""
    octal = (b"%07o\0%07o\0%07o\0%011o\0%011o" % numbers).split(b"\0")
    # The checksum counts its own field as eight blanks.
    record = _HEADER.pack(name, *octal, b" " * 8, type, link, b"ustar\x0000", owner[:31], group[:31])
    return b"%b%06o\0 %b" % (record[:148], sum(record), record[156:])


def extra_header(type: bytes, data: bytes) -> bytes:
    """Return the records of a long name or of pax records, which stand before a member's own header."""
    name = b"././@PaxHeader" if type == tarfile.XHDTYPE else b"././@LongLink"
    return _record(name, type, (0, 0, 0, len(data), 0)) + padded(data)


def pax_header(values: Mapping[str, bytes]) -> bytes:
    """Return a pax header with these records."""
    return extra_header(tarfile.XHDTYPE, b"".join(_pax_record(*each) for each in values.items()))


def _pax_record(keyword: str, value: bytes) -> bytes:
    """Return one pax record, which begins with its own length, the digits of that included."""
    rest = b" %b=%b\n" % (os.fsencode(keyword), value)
    length = len(rest) + 1
    while len(rest) + len(str(length)) != length:
        length = len(rest) + len(str(length))
    return b"%d%b" % (length, rest)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % RECORD)


def _sparse(segments: Segments, size: int) -> dict[str, bytes]:
    """Return the pax records of a sparse file; the map of one that ends with a hole ends with a segment of length 0."""
    listed = [*segments]
    if not listed or sum(listed[-1]) < size:
        listed.append((size, 0))
    text = b",".join(b"%d,%d" % segment for segment in listed)
    return {_BLOCKS: b"%d" % len(listed), _SPARSE_SIZE: b"%d" % size, _MAP: text}


def read(take: Take) -> Member | None:
    """Return the member whose headers come next, None at the end of the tar. Raises Refused."""
    raw = take(RECORD)
    if raw == _EMPTY:
        if take(RECORD) != _EMPTY:
            raise Refused("", "data follows the end of the tar")
        return None
    whole = raw
    extra: dict[bytes, bytes] = {}
    while raw[_TYPE] in _EXTRA:
        type = raw[_TYPE]
        size = _number("", raw[_SIZE])
        if type in extra or not 0 < size <= _EXTRA[type]:
            raise Refused("", f"has a long name or pax records of {size} bytes, or repeated ones")
        data = take(size + -size % RECORD)
        raw = take(RECORD)
        extra[type] = data[:size]
        whole += data + raw
    member = _parsed(raw, extra)
    if member.headers() != whole:
        raise Refused(member.entry.path, "has a header that this agent does not write")
    return member


def _parsed(raw: bytes, extra: Mapping[bytes, bytes]) -> Member:
    """Return what a header and those before it say."""
    name = raw[:100].partition(b"\0")[0]
    path = os.fsdecode(extra[tarfile.GNUTYPE_LONGNAME][:-1] if tarfile.GNUTYPE_LONGNAME in extra else name)
    try:
        kind, mode, uid, gid, link, owner, group = _fixed(raw[_OWNER], raw[_REST])
        stored, mtime = _number("", raw[_SIZE]), _number("", raw[_TIME])
    except Refused as refused:
        raise Refused(path, refused.text) from None
    if not extra:
        if kind != interface.FILE and stored:
            raise Refused(path, "has data, and is not a regular file")
        return Member(Entry(path, kind, mode, uid, gid, owner, group, mtime * _SECOND, stored, "", link))
    if tarfile.GNUTYPE_LONGLINK in extra:
        link = os.fsdecode(extra[tarfile.GNUTYPE_LONGLINK][:-1])
    values = _pax(extra.get(tarfile.XHDTYPE, b""))
    uid, gid, stored, mtime = (
        _integer(path, values[keyword]) if keyword in values else number
        for keyword, number in (("uid", uid), ("gid", gid), ("size", stored), ("mtime", mtime))
    )
    if not (0 <= uid <= _LARGEST_ID and 0 <= gid <= _LARGEST_ID and stored >= 0):
        raise Refused(path, "has an impossible owner or size")
    size, segments = stored, None
    if _MAP in values:
        size = _integer(path, values.get(_SPARSE_SIZE, b""))
        segments = _segments(path, values[_MAP], size, stored)
    if kind != interface.FILE and (stored or segments is not None):
        raise Refused(path, "has data, and is not a regular file")
    extended = {key[len(_XATTR) :]: value for key, value in values.items() if key.startswith(_XATTR)}
    owner = os.fsdecode(values["uname"]) if "uname" in values else owner
    group = os.fsdecode(values["gname"]) if "gname" in values else group
    xattrs = attributes.digest(extended)
    entry = Entry(path, kind, mode, uid, gid, owner, group, mtime * _SECOND, size, "", link, xattrs)
    return Member(entry, extended, segments)


@functools.lru_cache(maxsize=256)
def _fixed(owner: bytes, rest: bytes) -> tuple[str, int, int, int, str, str, str]:
    """Return kind, mode, user, group, link, and the names of user and group: most headers of a tar have the same."""
    type, link, _, user, group = (value.partition(b"\0")[0] for value in _REST_FIELDS.unpack(rest))
    if type not in _KINDS:
        raise Refused("", f"is {_REFUSED.get(type, 'of an unknown type')}, which does not belong in a backup")
    mode, uid, gid = (_number("", owner[start : start + 8]) for start in (0, 8, 16))
    if not (0 <= uid <= _LARGEST_ID and 0 <= gid <= _LARGEST_ID):
        raise Refused("", "has an impossible owner or size")
    return _KINDS[type], mode, uid, gid, os.fsdecode(link), os.fsdecode(user), os.fsdecode(group)


def _segments(path: str, text: bytes, size: int, stored: int) -> Segments:
    """Return the stretches of data in the map of a sparse file."""
    if text.count(b",") > 2 * MOST_SEGMENTS + 1:
        raise Refused(path, "has a map of holes that is too long")
    numbers = [_integer(path, each) for each in text.split(b",")]
    segments = tuple(zip(numbers[::2], numbers[1::2]))
    if segments[-1:] == ((size, 0),):
        segments = segments[:-1]
    reached = 0
    for start, length in segments:
        if length < 1 or start < reached:
            raise Refused(path, "has a map of holes that is not in order")
        reached = start + length
    if reached > size or stored != sum(length for _, length in segments):
        raise Refused(path, "has a map of holes that does not match its size")
    return segments


def _number(path: str, digits: bytes) -> int:
    """Return a number as ustar has it; whether it was written in just this way shows when it is written again."""
    try:
        return int(digits.rstrip(b"\0"), 8)
    except ValueError:
        raise Refused(path, "has a header field that is not a number") from None


def _integer(path: str, digits: bytes) -> int:
    if not digits.removeprefix(b"-").isdigit() or len(digits) > 20:
        raise Refused(path, "has a record that is not a number")
    return int(digits)


def _pax(records: bytes) -> dict[str, bytes]:
    values: dict[str, bytes] = {}
    at = 0
    while at < len(records):
        blank = records.find(b" ", at, at + 8)
        digits = records[at:blank] if blank != -1 else b""
        length = int(digits) if digits.isdigit() else 0
        keyword, equals, value = records[blank + 1 : at + length - 1].partition(b"=")
        if length < 5 or at + length > len(records) or not equals:
            raise Refused("", "has malformed pax records")
        values[os.fsdecode(keyword)] = value
        at += length
    return values


class ContentDigest:
    """The SHA-256 of a file's whole content; `add` its stretches of data in order, holes count as zeros."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._at = 0

    def add(self, start: int, part: memoryview | bytes) -> None:
        self._zeros(start - self._at)
        self._sha256.update(part)
        self._at = start + len(part)

    def hexdigest(self, size: int) -> str:
        """Return the digest of a file of `size` bytes."""
        self._zeros(size - self._at)
        return self._sha256.hexdigest()

    def _zeros(self, count: int) -> None:
        while count > 0:
            self._sha256.update(_ZEROS[:count])
            count -= len(_ZEROS)


_ZEROS: Final = memoryview(bytes(1024 * 1024))


def content_digest(
    member: Member, data: Iterable[bytes | memoryview], write: Callable[[int, memoryview], None] | None = None
) -> str:
    """Return the SHA-256 of a file's content in hexadecimal.

    `data` are the stretches of data, one after the other; `write` is called with each part and its offset.
    """
    if member.segments is None:
        return _plain_digest(data, write)
    digest = ContentDigest()
    left = memoryview(b"")
    pieces = iter(data)
    for start, length in member.stretches:
        at, end = start, start + length
        while at < end:
            left = left or memoryview(next(pieces))
            part, left = left[: end - at], left[end - at :]
            digest.add(at, part)
            if write is not None:
                write(at, part)
            at += len(part)
    return digest.hexdigest(member.entry.size)


def _plain_digest(pieces: Iterable[bytes | memoryview], write: Callable[[int, memoryview], None] | None) -> str:
    sha256 = hashlib.sha256()
    at = 0
    for part in pieces:
        sha256.update(part)
        if write is not None:
            write(at, memoryview(part))
            at += len(part)
    return sha256.hexdigest()
