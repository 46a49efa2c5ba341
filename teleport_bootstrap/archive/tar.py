"""The members of the tar: POSIX ustar headers, with GNU's long names and pax records only where ustar has no room.

Long names are GNU's (types L and K) because those hold any bytes; pax names are UTF-8, and tars differ in what they do
with others. Sparse files are in pax format 1.0, which GNU tar and libarchive read. Times are whole seconds: pax records
for nanoseconds would double the size of an archive of small files, and the manifest has them.

An archive may come from anywhere. Every header is parsed, written again from what was parsed, and compared: one that
differs in a single byte from what this agent would have written is refused. So nothing depends on how a tar reader
takes numbers with blanks, repeated records, or names in three places. Python's tarfile accepts all of these, reads
records of any length into memory, and takes five times as long; only a template for each combination of mode and owner
comes from it.

References: POSIX pax, "ustar Interchange Format"; GNU tar manual, "Storing Sparse Files" and "Basic Tar Format".
"""

from __future__ import annotations

import functools
import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from teleport_bootstrap.archive import attributes, interface
from teleport_bootstrap.archive.interface import Entry

RECORD: Final = tarfile.BLOCKSIZE

# The end of a tar: two empty records.
END: Final = bytes(2 * RECORD)

LONGEST_NAME: Final = 4095
# Stretches of data in a sparse file; also what is written at most.
MOST_SEGMENTS: Final = 65_536

# Pax records hold extended attributes: Linux keeps at most 64 KiB in one and, on most file systems, far less in all.
_EXTRA = {
    tarfile.GNUTYPE_LONGNAME: LONGEST_NAME + 1,
    tarfile.GNUTYPE_LONGLINK: LONGEST_NAME + 1,
    tarfile.XHDTYPE: 1024 * 1024,
}
_LONGEST_MAP = RECORD * (1 + (MOST_SEGMENTS + 1) * 40 // RECORD)
_LARGEST_SHORT_ID = 0o7777777
_LARGEST_SHORT_NUMBER = 0o77777777777
# 2 ** 32 - 1 would mean: leave the owner as it is.
_LARGEST_ID = 2**32 - 2
_SECOND = 1_000_000_000

_XATTR = "SCHILY.xattr."
_SPARSE = {"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0"}
_SPARSE_SIZE = "GNU.sparse.realsize"

TYPES: Final = {
    interface.FILE: tarfile.REGTYPE,
    interface.DIRECTORY: tarfile.DIRTYPE,
    interface.SYMLINK: tarfile.SYMTYPE,
    interface.HARDLINK: tarfile.LNKTYPE,
}
_KINDS = {type: kind for kind, type in TYPES.items()}
_REFUSED = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe", b"g": "global pax records"}

# Offsets in a record: the fields that are filled in, and the numbers of devices, which tarfile writes as zeros or as
# nothing, depending on its version.
_MODE, _SIZE, _TYPE, _MAGIC, _DEVICE, _PREFIX = 100, 124, 156, 257, 329, 345

Segments = Sequence[tuple[int, int]]
# Returns the next so many bytes of the tar, all of them; raises where there are fewer.
Take = Callable[[int], bytes]


class Refused(Exception):
    """A member that this agent would not have written; `path` may be empty where it is not known."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text


@dataclass(frozen=True)
class Member:
    """A member of the tar. `entry` has whole seconds and no SHA-256 where it was read from the tar.

    `extended` are its extended attributes; `segments`, for a sparse file only, its stretches of data (offset, length).
    """

    entry: Entry
    extended: Mapping[str, bytes] = field(default_factory=dict)
    segments: Segments | None = None

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
        holes = b"" if self.segments is None else _map(self.segments, entry.size)
        stored = len(holes) + self.data
        seconds = entry.mtime // _SECOND
        name, link = os.fsencode(entry.path), os.fsencode(entry.link)
        owner, group = os.fsencode(entry.owner), os.fsencode(entry.group)
        values = {_XATTR + attribute: value for attribute, value in self.extended.items()}
        if self.segments is not None:
            values.update(_SPARSE)
            values[_SPARSE_SIZE] = b"%d" % entry.size
        numbers = {"uid": entry.uid, "gid": entry.gid, "size": stored, "mtime": seconds}
        for keyword, number in numbers.items():
            if not 0 <= number <= (_LARGEST_SHORT_ID if keyword.endswith("id") else _LARGEST_SHORT_NUMBER):
                values[keyword] = b"%d" % number
                numbers[keyword] = 0
        for keyword, text in (("uname", owner), ("gname", group)):
            if len(text) > 31:
                values[keyword] = text
        template = _template(entry.mode & 0o7777, numbers["uid"], numbers["gid"], owner[:31], group[:31])
        main = _record(template, name[:100], TYPES[entry.kind], numbers["size"], numbers["mtime"], link[:100])
        longs = [
            extra_header(type, text + b"\0")
            for type, text in ((tarfile.GNUTYPE_LONGNAME, name), (tarfile.GNUTYPE_LONGLINK, link))
            if len(text) > 100
        ]
        return b"".join((*longs, pax_header(values) if values else b"", main, holes)) if longs or values else main


@dataclass(frozen=True)
class _Template:
    """Parts of a record without name, type, size, time and link, and the sum of their bytes."""

    ownership: bytes
    names: bytes
    sum: int


@functools.lru_cache(maxsize=256)
def _template(mode: int, uid: int, gid: int, owner: bytes, group: bytes) -> _Template:
    member = tarfile.TarInfo()
    member.mode, member.uid, member.gid = mode, uid, gid
    member.uname, member.gname = os.fsdecode(owner), os.fsdecode(group)
    record = member.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape")
    ownership = record[_MODE:_SIZE]
    names = record[_MAGIC:_DEVICE] + bytes(_PREFIX - _DEVICE) + record[_PREFIX:]
    # The checksum field counts as eight blanks.
    return _Template(ownership, names, sum(ownership) + sum(names) + 8 * ord(" "))


def _record(  # noqa: PLR0917
    template: _Template, name: bytes, type: bytes, size: int, mtime: int, link: bytes
) -> bytes:
    numbers = b"%011o\0%011o\0" % (size, mtime)
    checksum = b"%06o\0 " % (template.sum + sum(name) + sum(numbers) + type[0] + sum(link))
    parts = (name.ljust(100, b"\0"), template.ownership, numbers, checksum, type, link.ljust(100, b"\0"))
    return b"".join((*parts, template.names))


def pax_header(values: Mapping[str, bytes]) -> bytes:
    """Return a pax header with these records, in the order of their keywords."""
    return extra_header(tarfile.XHDTYPE, b"".join(_pax_record(keyword, values[keyword]) for keyword in sorted(values)))


def extra_header(type: bytes, data: bytes) -> bytes:
    """Return the records of a long name or of pax records, which stand before a member's own header."""
    name = b"././@PaxHeader" if type == tarfile.XHDTYPE else b"././@LongLink"
    return _record(_template(0, 0, 0, b"", b""), name, type, len(data), 0, b"") + padded(data)


def _pax_record(keyword: str, value: bytes) -> bytes:
    """Return one pax record, which begins with its own length, the digits of that included."""
    rest = b" %b=%b\n" % (os.fsencode(keyword), value)
    length = len(rest) + 1
    while len(rest) + len(str(length)) != length:
        length = len(rest) + len(str(length))
    return b"%d%b" % (length, rest)


def padded(data: bytes) -> bytes:
    """Return `data`, filled up to whole records."""
    return data + bytes(-len(data) % RECORD)


def _map(segments: Segments, size: int) -> bytes:
    """Return the map before the data of a sparse file; one that ends with a hole has a last segment of length 0."""
    listed = [*segments]
    if not listed or sum(listed[-1]) < size:
        listed.append((size, 0))
    return padded(b"%d\n" % len(listed) + b"".join(b"%d\n%d\n" % segment for segment in listed))


def read(take: Take) -> Member | None:
    """Return the member whose headers come next, None at the end of the tar. Raises Refused."""
    raw = take(RECORD)
    if raw == bytes(RECORD):
        if take(RECORD) != bytes(RECORD):
            raise Refused("", "data follows the end of the tar")
        return None
    whole = b""
    extra: dict[bytes, bytes] = {}
    while (type := raw[_TYPE : _TYPE + 1]) in _EXTRA:
        size = _octal(raw, _SIZE, 12)
        if type in extra or not 0 < size <= _EXTRA[type]:
            raise Refused("", f"has a long name or pax records of {size} bytes, or repeated ones")
        data = take(size + -size % RECORD)
        extra[type] = data[:size]
        whole += raw + data
        raw = take(RECORD)
    member, holes = _parsed(raw, extra, take)
    if member.headers() != whole + raw + holes:
        raise Refused(member.entry.path, "has a header that this agent does not write")
    return member


def _parsed(raw: bytes, extra: Mapping[bytes, bytes], take: Take) -> tuple[Member, bytes]:
    """Return what a header and those before it say, and the map of a sparse file, as it is in the tar."""
    path = os.fsdecode(extra.get(tarfile.GNUTYPE_LONGNAME, b"")[:-1] or _text(raw, 0, 100))
    type = raw[_TYPE : _TYPE + 1]
    if type not in _KINDS:
        raise Refused(path, f"is {_REFUSED.get(type, 'of an unknown type')}, which does not belong in a backup")
    kind = _KINDS[type]
    values = _pax(extra.get(tarfile.XHDTYPE, b""))
    uid, gid = _number(path, values, "uid", _octal(raw, 108, 8)), _number(path, values, "gid", _octal(raw, 116, 8))
    stored = _number(path, values, "size", _octal(raw, _SIZE, 12))
    mtime = _number(path, values, "mtime", _octal(raw, 136, 12))
    if not (0 <= uid <= _LARGEST_ID and 0 <= gid <= _LARGEST_ID and stored >= 0):
        raise Refused(path, "has an impossible owner or size")
    is_sparse = _SPARSE_SIZE in values
    if kind != interface.FILE and (stored or is_sparse):
        raise Refused(path, "has data, and is not a regular file")
    size = _number(path, values, _SPARSE_SIZE, stored)
    segments, holes = _read_map(path, stored, size, take) if is_sparse else (None, b"")
    extended = {key[len(_XATTR) :]: value for key, value in values.items() if key.startswith(_XATTR)}
    owner = os.fsdecode(values["uname"] if "uname" in values else _text(raw, 265, 32))
    group = os.fsdecode(values["gname"] if "gname" in values else _text(raw, 297, 32))
    link = os.fsdecode(extra.get(tarfile.GNUTYPE_LONGLINK, b"")[:-1] or _text(raw, 157, 100))
    xattrs = attributes.digest(extended)
    mode = _octal(raw, _MODE, 8)
    entry = Entry(path, kind, mode, uid, gid, owner, group, mtime * _SECOND, size, "", link, xattrs)
    return Member(entry, extended, segments), holes


def _read_map(path: str, stored: int, size: int, take: Take) -> tuple[Segments, bytes]:
    """Read the map before the data of a sparse file; return its segments, and its text."""
    collected = bytearray()
    lines, wanted = 0, 1
    while lines < wanted:
        if len(collected) >= min(stored, _LONGEST_MAP):
            raise Refused(path, "has a map of holes that is longer than its data, or has no end")
        record = take(RECORD)
        collected += record
        lines += record.count(b"\n")
        if wanted == 1 and lines:
            wanted = 1 + 2 * _integer(path, bytes(collected[: collected.index(b"\n")]))
            if not 1 < wanted <= 1 + 2 * (MOST_SEGMENTS + 1):
                raise Refused(path, f"has a map of holes of {wanted} lines")
    text = bytes(collected)
    numbers = [_integer(path, line) for line in text.split(b"\n", wanted)[:wanted]]
    segments = list(zip(numbers[1::2], numbers[2::2]))
    if segments[-1] == (size, 0):
        del segments[-1]
    reached = 0
    for start, length in segments:
        if length < 1 or start < reached:
            raise Refused(path, "has a map of holes that is not in order")
        reached = start + length
    if reached > size or stored != len(text) + sum(length for _, length in segments):
        raise Refused(path, "has a map of holes that does not match its size")
    return tuple(segments), text


def _octal(raw: bytes, start: int, size: int) -> int:
    """Return a number as ustar has it; whether it was written in just this way shows when it is written again."""
    digits = raw[start : start + size - 1]
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise Refused(os.fsdecode(_text(raw, 0, 100)), "has a header field that is not a number")
    return int(digits, 8)


def _text(raw: bytes, start: int, size: int) -> bytes:
    return raw[start : start + size].split(b"\0", 1)[0]


def _number(path: str, values: Mapping[str, bytes], keyword: str, otherwise: int) -> int:
    return _integer(path, values[keyword]) if keyword in values else otherwise


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


def placed(member: Member, data: Iterator[memoryview]) -> Iterator[tuple[int, memoryview]]:
    """Yield the pieces of a file's data, each with its offset in the file."""
    left = memoryview(b"")
    for start, length in ((0, member.entry.size),) if member.segments is None else member.segments:
        at = start
        while at < start + length:
            left = left or next(data)
            part, left = left[: start + length - at], left[start + length - at :]
            yield at, part
            at += len(part)


class ContentDigest:
    """The SHA-256 of a file's whole content; `add` its stretches of data in order, holes count as zeros."""

    def __init__(self) -> None:
        self._sha256: Any = hashlib.sha256()
        self._at = 0

    def add(self, start: int, part: memoryview | bytes) -> None:
        """Add the content from `start` on."""
        self._zeros(start)
        self._sha256.update(part)
        self._at = start + len(part)

    def hexdigest(self, size: int) -> str:
        """Return the digest of a file of `size` bytes."""
        self._zeros(size)
        return str(self._sha256.hexdigest())

    def _zeros(self, end: int) -> None:
        while self._at < end:
            step = min(len(_ZEROS), end - self._at)
            self._sha256.update(_ZEROS[:step] if step < len(_ZEROS) else _ZEROS)
            self._at += step


_ZEROS: Final = bytes(1024 * 1024)


def content_digest(member: Member, data: Iterator[memoryview]) -> str:
    """Return the SHA-256 of a file's content in hexadecimal; `data` are its stretches between holes."""
    whole = ContentDigest()
    for start, part in placed(member, data):
        whole.add(start, part)
    return whole.hexdigest(member.entry.size)
