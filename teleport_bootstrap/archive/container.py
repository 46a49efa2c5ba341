"""The outermost layer of an archive: blocks that are compressed one by one, and a seal behind the last.

Each block has an introduction in a place that `zstd` and `gzip` pass over: a skippable frame (RFC 8878, 3.1.2) before
its zstd frame, or the extra field (RFC 1952, 2.3.1.1) of its gzip member. It says where the block belongs and holds the
SHA-256 of the block's compressed bytes; the seal, in an introduction of its own, is the SHA-256 of all introductions.
So every byte of the file is covered, also those that a decompressor does not look at, and a damaged block leaves the
others readable.

Nothing here does input or output, except through the functions it is given.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

# Bytes of tar in a block. Larger ones compress hardly better (zstd's window is 2 MiB at its usual level), smaller ones
# cost a process each.
BLOCK_SIZE: Final = 4 * 1024 * 1024

# What is read: other versions may have reason for larger blocks.
LARGEST_BLOCK: Final = 16 * 1024 * 1024

# What compressing can add to bytes that cannot be compressed; both formats stay far below.
_SLACK: Final = 256 * 1024
LARGEST_STORED: Final = LARGEST_BLOCK + _SLACK

NO_MEMBER: Final = 0xFFFFFFFF

_FIELDS = struct.Struct("<8sQQIII32s")
_CHECK_SIZE = 8
INTRODUCTION_SIZE = _FIELDS.size + _CHECK_SIZE
_BLOCK = b"TBBLOCK\x01"
_SEAL = b"TBSEAL\x00\x01"


@dataclass(frozen=True)
class Format:
    """Where introductions are hidden: `begin` at the start of a file, `before` each introduction, `end` after the seal.

    Everything here is constant, and compared byte for byte when it is read.
    """

    name: str
    begin: bytes
    before: bytes
    end: bytes


ZSTD = Format(
    name="zstd",
    # A frame without content: the file starts with zstd's own magic number, which `tar` and `file` look for.
    begin=bytes.fromhex("28b52ffd2000010000"),
    before=b"\x50\x2a\x4d\x18" + struct.pack("<I", INTRODUCTION_SIZE),
    end=b"",
)
GZIP = Format(
    name="gzip",
    begin=b"",
    # No time, no name, an unknown system, one extra field.
    before=b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"
    + struct.pack("<H", 4 + INTRODUCTION_SIZE)
    + b"TB"
    + struct.pack("<H", INTRODUCTION_SIZE),
    # Deflate's way to say nothing, its CRC-32 and its length.
    end=b"\x03\x00" + bytes(8),
)
FORMATS = (ZSTD, GZIP)


@dataclass(frozen=True)
class Introduction:
    """What an introduction says: block number `index` holds `size` bytes of the tar, from `offset` on.

    It takes `stored` bytes, whose SHA-256 is `digest`. `first` is where in it the first member begins, NO_MEMBER where
    none does. Of the seal: the number of blocks, the length of the tar, 0, 0, NO_MEMBER and the digest of all others.
    """

    index: int
    offset: int
    size: int
    stored: int
    first: int
    digest: bytes
    is_seal: bool = False

    def pack(self) -> bytes:
        """Return it as it stands in the file."""
        magic = _SEAL if self.is_seal else _BLOCK
        fields = _FIELDS.pack(magic, self.index, self.offset, self.size, self.stored, self.first, self.digest)
        return fields + _check(fields)


def introduction(data: bytes) -> Introduction | None:
    """Return what `data`, INTRODUCTION_SIZE bytes, says; None where that is no introduction, or a damaged one."""
    fields, check = data[: _FIELDS.size], data[_FIELDS.size :]
    if len(data) != INTRODUCTION_SIZE or _check(fields) != check:
        return None
    magic, index, offset, size, stored, first, digest = _FIELDS.unpack(fields)
    if magic not in (_BLOCK, _SEAL) or size > LARGEST_BLOCK or stored > LARGEST_STORED:
        return None
    return Introduction(index, offset, size, stored, first, digest, magic == _SEAL)


def _check(fields: bytes) -> bytes:
    return hashlib.sha256(fields).digest()[:_CHECK_SIZE]


class Sealer:
    """Puts introductions before compressed blocks, and the seal behind them."""

    def __init__(self, format: Format) -> None:
        self._format = format
        self._all = hashlib.sha256()
        self._index = 0
        self._offset = 0

    def begin(self) -> bytes:
        """Return what the file starts with."""
        return self._format.begin

    def block(self, size: int, first: int, stored: int, digest: bytes) -> bytes:
        """Return what stands before the next block, which holds `size` bytes of tar in `stored` bytes."""
        packed = Introduction(self._index, self._offset, size, stored, first, digest).pack()
        self._all.update(packed)
        self._index += 1
        self._offset += size
        return self._format.before + packed

    def seal(self) -> tuple[bytes, str]:
        """Return what stands behind the last block, and the digest of the archive in hexadecimal."""
        digest = self._all.digest()
        last = Introduction(self._index, self._offset, 0, 0, NO_MEMBER, digest, is_seal=True).pack()
        return self._format.before + last + self._format.end, digest.hex()


@dataclass(frozen=True)
class Block:
    """A block as it was found: `stored` is whole, and is good where its SHA-256 is that of the introduction."""

    introduction: Introduction
    stored: bytes

    def is_good(self) -> bool:
        """Whether the compressed bytes are those that were sealed. Takes a while, and lets other threads run."""
        return hashlib.sha256(self.stored).digest() == self.introduction.digest


class Broken(Exception):
    """The file is not as it was sealed, in a way that is not just one block's content; the text says where and how."""


def blocks(read: Callable[[int], bytes], format: Format) -> Iterator[Block | str]:
    """Yield the blocks of a file behind its `begin`, in order, and then the digest that seals them.

    `read(size)` returns so many bytes, fewer only at the end of the file. A block's content is not checked here.
    Raises Broken at the first byte that is not as it was sealed.
    """
    everything = hashlib.sha256()
    index = offset = 0
    at = len(format.begin)
    while True:
        before = read(len(format.before) + INTRODUCTION_SIZE)
        if len(before) < len(format.before) + INTRODUCTION_SIZE:
            raise Broken(f"the file ends at byte {at + len(before)}, before its seal")
        found = introduction(before[len(format.before) :]) if before.startswith(format.before) else None
        if found is None or found.index != index or found.offset != offset:
            raise Broken(f"the introduction of block {index}, at byte {at}, is damaged")
        at += len(before)
        if found.is_seal:
            if found.digest != everything.digest() or read(len(format.end)) != format.end:
                raise Broken(f"the seal at byte {at} is damaged, or another archive's")
            if read(1):
                raise Broken(f"something follows the seal, from byte {at + len(format.end)} on")
            yield found.digest.hex()
            return
        everything.update(before[len(format.before) :])
        stored = read(found.stored)
        if len(stored) < found.stored:
            raise Broken(f"the file ends at byte {at + len(stored)}, in block {index}")
        yield Block(found, stored)
        at += len(stored)
        index += 1
        offset += found.size


def salvage(read: Callable[[int], bytes], format: Format) -> Iterator[Block]:
    """Yield every block that can be found behind a file's `begin`, in order; a last one that is cut off as it is.

    Behind a damaged introduction the next whole one is looked for. Where only one is missing between two blocks, what
    it introduced is yielded all the same, with the place and size that follow from its neighbours.
    """
    window = _Window(read)
    length = len(format.before) + INTRODUCTION_SIZE
    previous = Introduction(-1, 0, 0, 0, NO_MEMBER, b"")
    while True:
        start = window.find(format.before, _plausible(format, previous.index))
        found = None if start is None else introduction(window.peek(start, length)[len(format.before) :])
        lost = window.take(len(window) if start is None else start)
        behind = previous.offset + previous.size
        if found is not None and found.index == previous.index + 2 and found.offset > behind and len(lost) > length:
            yield Block(
                Introduction(previous.index + 1, behind, found.offset - behind, 0, NO_MEMBER, b""), lost[length:]
            )
        if found is None or found.is_seal:
            return
        window.take(length)
        yield Block(found, window.take(found.stored))
        previous = found


def _plausible(format: Format, last: int) -> Callable[[bytes], bool]:
    def is_next(data: bytes) -> bool:
        found = introduction(data[len(format.before) :])
        return found is not None and found.index > last

    return is_next


class _Window:
    """As much of a file as it takes to look for the next introduction, and no more than three blocks."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._held = b""

    def __len__(self) -> int:
        return len(self._held)

    def find(self, mark: bytes, is_it: Callable[[bytes], bool]) -> int | None:
        """Return where the next `mark` is that begins something that `is_it`; None where there is none.

        What lies more than two blocks back is forgotten.
        """
        length = len(mark) + INTRODUCTION_SIZE
        at = 0
        while True:
            at = self._held.find(mark, at)
            if at == -1 or at + length > len(self._held):
                at = max(0, len(self._held) - length) if at == -1 else at
                part = self._read(BLOCK_SIZE)
                if not part:
                    return None
                forgotten = max(0, at - 2 * LARGEST_STORED)
                self._held = self._held[forgotten:] + part
                at -= forgotten
            elif is_it(self.peek(at, length)):
                return at
            else:
                at += 1

    def peek(self, at: int, size: int) -> bytes:
        """Return bytes that are held."""
        return self._held[at : at + size]

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end of the file, and go on behind them."""
        while len(self._held) < size:
            part = self._read(size - len(self._held))
            if not part:
                break
            self._held += part
        taken, self._held = self._held[:size], self._held[size:]
        return taken


def recognise(start: bytes) -> Format | None:
    """Return the format of a file that starts with these bytes (LONGEST_START or more of them), None for others'."""
    for format in FORMATS:
        if start.startswith(format.begin + format.before + _BLOCK):
            return format
    return None


def guess(start: bytes) -> Format | None:
    """Return the format of a file whose damaged beginning looks like one of ours, None for others'."""
    for format in FORMATS:
        whole = format.begin + format.before + _BLOCK
        same = sum(a == b for a, b in zip(whole, start))
        # A few bytes of a file that is cut off, or nearly all of the constant beginning.
        if (len(start) < len(whole) and same == len(start)) or same >= len(whole) - 8:
            return format
    return None


LONGEST_START: Final = max(len(each.begin) + len(each.before) + len(_BLOCK) for each in FORMATS)
