"""Compressing a whole stream: by the zstd program where it is installed, else as gzip does, with Python's own zlib."""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from teleport_bootstrap import errors
from teleport_bootstrap.hints import Final
from teleport_bootstrap.host import filters

ZSTD: Final = "zstd"
GZIP: Final = "gzip"

# What is compressed at a time. With gzip each block is a member, so that several threads can work.
BLOCK_SIZE: Final = 1024 * 1024

# Each program's own default.
_ZSTD_LEVEL = 3
_GZIP_LEVEL = 6

# What each of its threads compresses at a time. By default that is 8 MiB and the program takes 60 MiB with two threads;
# with 2 MiB, the window of that level, it takes 17, about as much processor time (4 % more), and archives are as small.
_ZSTD_JOB = "-B2MiB"

# zstd takes or gives something every few hundredths of a second. This allows for a heavily loaded machine.
_IDLE_SECONDS = 300.0

# Levels up to 19 need 8 MiB. A stream that asks for more memory than this was not made by this agent.
_ZSTD_MEMORY = "64MB"

# What compressing adds to data that cannot be compressed, at most; zstd adds far less.
_LARGEST_GROWTH = BLOCK_SIZE

# A gzip member's header (RFC 1952): no time, no name, unknown system, and one extra field. As in BGZF, that holds the
# member's size, so that a reader can give whole members to several threads.
_MEMBER_HEADER = struct.Struct("<10sH2sHI")
_GZIP_MAGIC: Final = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"
_TAIL_SIZE: Final = 8

# A frame without data, which a zstd archive begins with: `tar` and `file` look for zstd's own magic number.
_EMPTY_FRAME: Final = bytes.fromhex("28b52ffd2000010000")


class Broken(Exception):
    """An archive is not as it was written; the text says how."""


def best() -> str:
    """Return the best compression of this machine that `tar` can unpack: zstd where it is installed, else gzip."""
    return ZSTD if zstd_program() else GZIP


def zstd_program() -> str | None:
    return shutil.which("zstd")


def mark(name: str, text: bytes, *, is_first: bool = False) -> bytes:
    """Return `text` in a place that decompressors pass over; a file can begin with one that `is_first`.

    That is a skippable frame (RFC 8878, 3.1.2), or the extra field of a gzip member without data (RFC 1952, 2.3.1.1).
    """
    if name == ZSTD:
        return (_EMPTY_FRAME if is_first else b"") + struct.pack("<II", 0x184D2A50, len(text)) + text
    field = struct.pack("<H2sH", 4 + len(text), b"TB", len(text)) + text
    # Deflate's way to say nothing, its CRC-32 and its length.
    return _GZIP_MAGIC + field + b"\x03\x00" + bytes(_TAIL_SIZE)


def compress(name: str, blocks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Yield the compressed data of blocks of at most BLOCK_SIZE bytes, in bounded memory.

    Raises CompressorTrouble, also where the program for it is not installed, and what `blocks` raises.
    Closing the generator ends what still runs.
    """
    if name == GZIP:
        return _in_threads(gzip_member, blocks)
    return _filtered([f"-{_ZSTD_LEVEL}", f"-T{_workers()}", _ZSTD_JOB], blocks, may_grow=False)


def expand(name: str, compressed: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Yield what the compressed data holds, in pieces of at most a few mebibytes; as `compress`. Raises Broken."""
    if name == GZIP:
        return _in_threads(_inflate, _gzip_members(compressed))
    # Without its own checksum: it holds back data whose checksum is wrong, which names of damaged files come from.
    return _filtered(["-d", "--no-check", f"--memory={_ZSTD_MEMORY}"], compressed, may_grow=True)


def _workers() -> int:
    return max(1, min(4, len(os.sched_getaffinity(0))))


def _filtered(options: list[str], source: Iterator[bytes], *, may_grow: bool) -> Generator[bytes, None, None]:
    """Yield what one zstd process makes of the whole stream."""
    program = zstd_program()
    if program is None:
        # Says nothing about the archive, which may have been verified before.
        raise errors.CompressorTrouble(
            "the zstd program is needed and not installed",
            hint="Install it: `dnf install zstd` or `apt-get install zstd`.",
        )
    trouble = ""
    with filters.Filter([program, "-q", "-c", *options], idle_seconds=_IDLE_SECONDS) as child:
        pending = memoryview(b"")
        # How much more it may give.
        room = _LARGEST_GROWTH
        while not child.ended and not trouble:
            pending = pending or memoryview(next(source, b""))
            if not pending:
                child.close_input()
            taken, output = child.exchange(pending)
            pending = pending[taken:]
            room += taken - len(output)
            if room < 0 and not may_grow:
                trouble = "zstd gave more data than it was given"
            elif output:
                yield output
        trouble = trouble or child.trouble
    # Of data that is damaged, zstd says so; without a message, something else has ended it.
    if may_grow and "ended with status" in trouble and ": " in trouble:
        raise Broken(trouble)
    if trouble:
        raise errors.CompressorTrouble(
            f"{'reading' if may_grow else 'compressing'} the backup failed: {trouble}",
            hint="Check the machine's memory and the zstd program. Without zstd, backups are made with gzip.",
        )


def _in_threads(work: Callable[[bytes], bytes], blocks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Yield what `work` makes of each block, in their order."""
    workers = _workers()
    pool = ThreadPoolExecutor(workers, "gzip")
    waiting: deque[Future[bytes]] = deque()
    try:
        for block in blocks:
            waiting.append(pool.submit(work, block))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def gzip_member(data: bytes) -> bytes:
    work = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = work.compress(data) + work.flush()
    return _member_header(len(deflated)) + deflated + struct.pack("<II", zlib.crc32(data), len(data))


def _member_header(size: int) -> bytes:
    return _MEMBER_HEADER.pack(_GZIP_MAGIC, 8, b"TB", 4, size)


def _gzip_members(compressed: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Yield the deflated data of each member, in bounded memory; b"" where the next one cannot be found."""
    data = b""
    for part in compressed:
        data += part
        while len(data) >= _MEMBER_HEADER.size:
            size: int = _MEMBER_HEADER.unpack_from(data)[-1]
            if not data.startswith(_member_header(size)) or size > BLOCK_SIZE + _LARGEST_GROWTH:
                yield b""
                return
            end = _MEMBER_HEADER.size + size + _TAIL_SIZE
            if len(data) < end:
                break
            yield data[_MEMBER_HEADER.size : end - _TAIL_SIZE]
            data = data[end:]
    if data:
        yield b""


def _inflate(deflated: bytes) -> bytes:
    """Return at most BLOCK_SIZE bytes. Raises Broken."""
    if not deflated:
        raise Broken("the header of a gzip member is damaged or cut off, or is not one that this agent writes")
    work = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = work.decompress(deflated, BLOCK_SIZE + 1)
    except zlib.error as error:
        raise Broken(f"a gzip member is damaged: {error}") from None
    if not work.eof or len(data) > BLOCK_SIZE or work.unused_data:
        raise Broken("a gzip member does not have the size that it should have")
    return data
