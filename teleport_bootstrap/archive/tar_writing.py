"""The headers of our tar: POSIX ustar, with GNU's long names and pax records only where ustar has no room.

Long names are GNU's (types L and K) because those hold any bytes; pax names are UTF-8, and tars differ in what they do
with others. Sparse files are in pax format 1.0, which GNU tar and libarchive read. Times are whole seconds: pax records
for nanoseconds would double the size of an archive of small files, and the manifest has them.

References: POSIX pax, "ustar Interchange Format"; GNU tar manual, "Storing Sparse Files" and "Basic Tar Format".
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

RECORD: Final = 512

REGULAR = b"0"
LINK = b"1"
SYMBOLIC = b"2"
DIRECTORY = b"5"
LONG_LINK = b"K"
LONG_NAME = b"L"
PAX = b"x"

LARGEST_OCTAL_ID: Final = 0o7777777
LARGEST_OCTAL: Final = 0o77777777777

# What of a member is not content: names and records. Pax records hold extended attributes, of which Linux keeps at most
# 64 KiB in one and, on most file systems, far less in all.
LONGEST_NAME: Final = 4095
LARGEST_PAX: Final = 1024 * 1024

_LONG_MEMBER = b"././@LongLink"
_PAX_MEMBER = b"././@PaxHeader"
XATTR_PREFIX: Final = "SCHILY.xattr."

# The end of a tar: two records of nothing.
END: Final = bytes(2 * RECORD)


@dataclass(frozen=True)
class Head:
    """What stands before a member's data. Names are bytes; `mtime` is whole seconds.

    `stored` is how many bytes of data follow. Where `real` is not None the file is sparse: those begin with its map,
    and it has `real` bytes.
    """

    name: bytes
    type: bytes
    mode: int
    uid: int
    gid: int
    owner: bytes
    group: bytes
    mtime: int
    stored: int = 0
    link: bytes = b""
    real: int | None = None
    xattrs: Mapping[str, bytes] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the records."""
        records = pax_records(self) if self._needs_pax() else b""
        if not records and len(self.name) <= 100 and len(self.link) <= 100:
            return self._main()
        parts = []
        if len(self.name) > 100:
            parts += [_special(_LONG_MEMBER, LONG_NAME, len(self.name) + 1), padded(self.name + b"\0")]
        if len(self.link) > 100:
            parts += [_special(_LONG_MEMBER, LONG_LINK, len(self.link) + 1), padded(self.link + b"\0")]
        if records:
            parts += [_special(_PAX_MEMBER, PAX, len(records)), padded(records)]
        return b"".join((*parts, self._main()))

    def _needs_pax(self) -> bool:
        return bool(
            self.xattrs
            or self.real is not None
            or not 0 <= self.mtime <= LARGEST_OCTAL
            or self.stored > LARGEST_OCTAL
            or self.uid > LARGEST_OCTAL_ID
            or self.gid > LARGEST_OCTAL_ID
            or len(self.owner) > 31
            or len(self.group) > 31
        )

    def _main(self) -> bytes:
        return ustar(
            self.name[:100],
            self.type,
            _ownership(self.mode, self.uid, self.gid),
            self.stored if self.stored <= LARGEST_OCTAL else 0,
            self.mtime if 0 <= self.mtime <= LARGEST_OCTAL else 0,
            self.link[:100],
            _names(self.owner, self.group),
        )


def ustar(  # noqa: PLR0917
    name: bytes, type: bytes, ownership: bytes, size: int, mtime: int, link: bytes, names: bytes
) -> bytes:
    """Return one header record, of parts that fit."""
    front = name.ljust(100, b"\0") + ownership + b"%011o\0%011o\0" % (size, mtime)
    back = type + link.ljust(100, b"\0") + names
    return b"%b%06o\0 %b" % (front, _sum(front, back), back)


def _sum(front: bytes, back: bytes) -> int:
    """Return the header's checksum: of all its bytes, with its own eight being blanks."""
    if front.isascii() and back.isascii():
        # The low half of Adler-32 is one more than the sum modulo 65521, which 512 bytes of ASCII do not reach.
        return (zlib.adler32(front) & 0xFFFF) + (zlib.adler32(back) & 0xFFFF) - 2 + 256
    return sum(front) + sum(back) + 256


@functools.lru_cache(maxsize=256)
def _ownership(mode: int, uid: int, gid: int) -> bytes:
    ids = (mode & 0o7777, uid if uid <= LARGEST_OCTAL_ID else 0, gid if gid <= LARGEST_OCTAL_ID else 0)
    return b"%07o\0%07o\0%07o\0" % ids


@functools.lru_cache(maxsize=256)
def _names(owner: bytes, group: bytes) -> bytes:
    owners = owner[:31].ljust(32, b"\0") + group[:31].ljust(32, b"\0")
    return b"ustar\x0000" + owners + b"0000000\0" * 2 + bytes(155 + 12)


def _special(name: bytes, type: bytes, size: int) -> bytes:
    return ustar(name, type, _ownership(0, 0, 0), size, 0, b"", _names(b"", b""))


def pax_records(head: Head) -> bytes:
    """Return what of `head` ustar has no room for, as pax records in the order of their keywords."""
    values: dict[str, bytes] = {XATTR_PREFIX + name: value for name, value in head.xattrs.items()}
    if head.real is not None:
        values["GNU.sparse.major"] = b"1"
        values["GNU.sparse.minor"] = b"0"
        values["GNU.sparse.realsize"] = b"%d" % head.real
    for keyword, number, largest in (
        ("gid", head.gid, LARGEST_OCTAL_ID),
        ("mtime", head.mtime, LARGEST_OCTAL),
        ("size", head.stored, LARGEST_OCTAL),
        ("uid", head.uid, LARGEST_OCTAL_ID),
    ):
        if not 0 <= number <= largest:
            values[keyword] = b"%d" % number
    for keyword, name in (("gname", head.group), ("uname", head.owner)):
        if len(name) > 31:
            values[keyword] = name
    return b"".join(pax_record(keyword, values[keyword]) for keyword in sorted(values))


def pax_record(keyword: str, value: bytes) -> bytes:
    """Return one pax record, which begins with its own length, the digits of that included."""
    rest = b" %b=%b\n" % (keyword.encode("utf-8", "surrogateescape"), value)
    length = len(rest) + 1
    while len(rest) + len(str(length)) != length:
        length = len(rest) + len(str(length))
    return b"%d%b" % (length, rest)


def padded(data: bytes) -> bytes:
    """Return `data`, filled up to whole records."""
    return data + bytes(-len(data) % RECORD)


def padding(size: int) -> bytes:
    """Return what fills `size` bytes up to whole records."""
    return bytes(-size % RECORD)


Segments = Sequence[tuple[int, int]]


def sparse_map(segments: Segments, real: int) -> bytes:
    """Return the map that stands before the data of a sparse file: where its data are, as (offset, length).

    A file that ends with a hole has a last segment of no length at its end.
    """
    listed = list(segments)
    if not listed or sum(listed[-1]) < real:
        listed.append((real, 0))
    numbers = [b"%d\n" % len(listed)]
    numbers += [b"%d\n%d\n" % segment for segment in listed]
    return padded(b"".join(numbers))
