"""The headers of the tar: POSIX ustar, with GNU's long names and pax records only where ustar has no room.

Long names are GNU's (types L and K) because those hold any bytes; pax names are UTF-8, and tars differ in what they do
with others. Sparse files are in pax format 1.0, which GNU tar and libarchive read. Times are whole seconds: pax records
for nanoseconds would double the size of an archive of small files, and the manifest has them.

Header records come from Python's tarfile, one for each combination of type, mode and owner. What differs from member to
member is filled in here, which takes a quarter of the time.

References: POSIX pax, "ustar Interchange Format"; GNU tar manual, "Storing Sparse Files" and "Basic Tar Format".
"""

from __future__ import annotations

import functools
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

RECORD: Final = tarfile.BLOCKSIZE

REGULAR: Final = tarfile.REGTYPE
LINK: Final = tarfile.LNKTYPE
SYMBOLIC: Final = tarfile.SYMTYPE
DIRECTORY: Final = tarfile.DIRTYPE
LONG_LINK: Final = tarfile.GNUTYPE_LONGLINK
LONG_NAME: Final = tarfile.GNUTYPE_LONGNAME
PAX: Final = tarfile.XHDTYPE

_LARGEST_ID: Final = 0o7777777
_LARGEST_NUMBER: Final = 0o77777777777

LONGEST_NAME: Final = 4095
# Pax records hold extended attributes: Linux keeps at most 64 KiB in one and, on most file systems, far less in all.
LARGEST_PAX: Final = 1024 * 1024

_LONG_MEMBER: Final = b"././@LongLink"
_PAX_MEMBER: Final = b"././@PaxHeader"
XATTR_PREFIX: Final = "SCHILY.xattr."

# The end of a tar: two empty records.
END: Final = bytes(2 * RECORD)

# Offsets in a record: the fields that are filled in, and the numbers of devices, which tarfile writes as zeros or as
# nothing, depending on its version.
_MODE, _SIZE, _CHECKSUM, _TYPE, _MAGIC, _DEVICE, _PREFIX = 100, 124, 148, 156, 257, 329, 345


@dataclass(frozen=True)
class Head:
    """What stands before a member's data. Names are bytes; `mtime` is in whole seconds.

    `stored` is how many bytes of data follow. Where `real` is not None the file is sparse: its data begins with the map
    of its holes, and its size is `real`.
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
        pax = pax_records(self) if self._needs_pax() else b""
        parts = []
        if len(self.name) > 100:
            parts.append(special(_LONG_MEMBER, LONG_NAME, self.name + b"\0"))
        if len(self.link) > 100:
            parts.append(special(_LONG_MEMBER, LONG_LINK, self.link + b"\0"))
        if pax:
            parts.append(special(_PAX_MEMBER, PAX, pax))
        template = _template(
            self.mode & 0o7777,
            self.uid if self.uid <= _LARGEST_ID else 0,
            self.gid if self.gid <= _LARGEST_ID else 0,
            self.owner[:31],
            self.group[:31],
        )
        size = self.stored if self.stored <= _LARGEST_NUMBER else 0
        mtime = self.mtime if 0 <= self.mtime <= _LARGEST_NUMBER else 0
        main = _record(template, self.name[:100], self.type, size, mtime, self.link[:100])
        return b"".join((*parts, main)) if parts else main

    def _needs_pax(self) -> bool:
        return bool(
            self.xattrs
            or self.real is not None
            or not 0 <= self.mtime <= _LARGEST_NUMBER
            or self.stored > _LARGEST_NUMBER
            or self.uid > _LARGEST_ID
            or self.gid > _LARGEST_ID
            or len(self.owner) > 31
            or len(self.group) > 31
        )


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
    checksum = template.sum + sum(name) + sum(numbers) + type[0] + sum(link)
    return b"".join(
        (
            name.ljust(_MODE, b"\0"),
            template.ownership,
            numbers,
            b"%06o\0 " % checksum,
            type,
            link.ljust(_MAGIC - _TYPE - 1, b"\0"),
            template.names,
        )
    )


def special(name: bytes, type: bytes, data: bytes, *, size: int = -1) -> bytes:
    """Return the records of a long name or of pax records, which stand before a member's own header."""
    header = _record(_template(0, 0, 0, b"", b""), name, type, len(data) if size == -1 else size, 0, b"")
    return header + padded(data)


def pax_records(head: Head) -> bytes:
    """Return as pax records what of `head` ustar has no room for, in the order of their keywords."""
    values: dict[str, bytes] = {XATTR_PREFIX + name: value for name, value in head.xattrs.items()}
    if head.real is not None:
        values["GNU.sparse.major"] = b"1"
        values["GNU.sparse.minor"] = b"0"
        values["GNU.sparse.realsize"] = b"%d" % head.real
    for keyword, number, largest in (
        ("gid", head.gid, _LARGEST_ID),
        ("mtime", head.mtime, _LARGEST_NUMBER),
        ("size", head.stored, _LARGEST_NUMBER),
        ("uid", head.uid, _LARGEST_ID),
    ):
        if not 0 <= number <= largest:
            values[keyword] = b"%d" % number
    for keyword, name in (("gname", head.group), ("uname", head.owner)):
        if len(name) > 31:
            values[keyword] = name
    return b"".join(_pax_record(keyword, values[keyword]) for keyword in sorted(values))


def _pax_record(keyword: str, value: bytes) -> bytes:
    """Return one pax record, which begins with its own length, the digits of that included."""
    rest = b" %b=%b\n" % (keyword.encode("utf-8", "surrogateescape"), value)
    length = len(rest) + 1
    while len(rest) + len(str(length)) != length:
        length = len(rest) + len(str(length))
    return b"%d%b" % (length, rest)


def padded(data: bytes) -> bytes:
    """Return `data`, filled up to whole records."""
    return data + padding(len(data))


def padding(size: int) -> bytes:
    """Return what fills `size` bytes up to whole records."""
    return bytes(-size % RECORD)


Segments = Sequence[tuple[int, int]]


def sparse_map(segments: Segments, real: int) -> bytes:
    """Return the map that stands before the data of a sparse file: (offset, length) of each stretch of data.

    A file that ends with a hole has a last segment of length 0 at its end.
    """
    listed = list(segments)
    if not listed or sum(listed[-1]) < real:
        listed.append((real, 0))
    numbers = [b"%d\n" % len(listed)]
    numbers += [b"%d\n%d\n" % segment for segment in listed]
    return padded(b"".join(numbers))
