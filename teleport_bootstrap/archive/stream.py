"""The outermost layer of an archive: a compressed tar between two marks, the last of which holds a SHA-256.

    begin     a constant, from which an archive is recognised
    data      the compressed tar
    end       a constant and the SHA-256 of all bytes before it

The marks are in places that decompressors pass over: skippable frames (RFC 8878, 3.1.2) for zstd, the extra fields
(RFC 1952, 2.3.1.1) of members without data for gzip. So every byte of the file counts, also those that a decompressor
does not look at, and `tar` unpacks it all the same.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NoReturn

from teleport_bootstrap import errors
from teleport_bootstrap.archive import compression, interface

_REPORT_SECONDS = 0.1
_READ_SIZE = 256 * 1024

_BEGIN: Final = b"TBBEGIN\x02"
_END: Final = b"TBEND\x00\x00\x02"
_DIGEST_SIZE: Final = 32


@dataclass(frozen=True)
class Format:
    """A compression, and its marks: an archive starts with `begin` and ends with `end`, a digest and `tail`."""

    name: str
    begin: bytes
    end: bytes
    tail: bytes

    def end_mark(self, digest: bytes) -> bytes:
        """Return the last bytes of an archive whose other bytes have this SHA-256."""
        return self.end + digest + self.tail


def _skippable_frame(size: int) -> bytes:
    return struct.pack("<II", 0x184D2A50, size)


def _empty_member(size: int) -> bytes:
    return b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff" + struct.pack("<H2sH", 4 + size, b"TB", size)


# Deflate's way to say nothing, its CRC-32 and its length.
_NOTHING: Final = b"\x03\x00" + bytes(8)

FORMATS: Final = (
    Format(
        compression.ZSTD,
        # A frame without data first: `tar` and `file` look for zstd's own magic number.
        bytes.fromhex("28b52ffd2000010000") + _skippable_frame(len(_BEGIN)) + _BEGIN,
        _skippable_frame(len(_END) + _DIGEST_SIZE) + _END,
        b"",
    ),
    Format(
        compression.GZIP,
        _empty_member(len(_BEGIN)) + _BEGIN + _NOTHING,
        _empty_member(len(_END) + _DIGEST_SIZE) + _END,
        _NOTHING,
    ),
)
_LONGEST_BEGIN: Final = max(len(each.begin) for each in FORMATS)


class Broken(Exception):
    """The file is not as it was written; the text says how."""


class CallerError(Exception):
    """Carries an OSError that a sink or a progress function raised past those who would take it for a file's own."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Digest:
    """SHA-256, computed by a thread while the caller continues."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, "sha256")
        self._pending: Future[None] | None = None

    def update(self, data: bytes) -> None:
        """Add `data`, when all data before it has been added."""
        self._wait()
        self._pending = self._pool.submit(self._sha256.update, data)

    def digest(self) -> bytes:
        """Return the SHA-256 of all data so far."""
        self._wait()
        return self._sha256.digest()

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown()

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None


class Output:
    """Takes the bytes of a tar and writes an archive to `sink`. A context manager; call `finish` at the end.

    The sink is written to in the caller's thread; its OSError is raised as CallerError. Nothing runs on after it.
    """

    def __init__(self, sink: interface.Sink, compressed: str) -> None:
        self._sink = sink
        self._format = next(each for each in FORMATS if each.name == compressed)
        self._digest = Digest()
        self._compressor = compression.compressor(compressed, self._put)
        self._view = memoryview(bytearray(compression.BLOCK_SIZE))
        self._used = 0
        self._flushed = 0
        self.written = 0

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._compressor.close()
        self._digest.close()

    @property
    def offset(self) -> int:
        """How many bytes of the tar have been written."""
        return self._flushed + self._used

    def write(self, data: bytes) -> None:
        """Take the next bytes of the tar."""
        size = len(data)
        if self._used + size < compression.BLOCK_SIZE:
            self._view[self._used : self._used + size] = data
            self._used += size
            return
        left = memoryview(data)
        while left:
            room = self.space(len(left))
            room[:] = left[: len(room)]
            left = left[len(room) :]
            self.filled(len(room))

    def space(self, size: int) -> memoryview:
        """Return a buffer for up to `size` next bytes of the tar; call `filled` when they are in it."""
        return self._view[self._used : self._used + size]

    def filled(self, size: int) -> None:
        """Take so many bytes that were put into `space`."""
        self._used += size
        if self._used == compression.BLOCK_SIZE:
            self._flush()

    def finish(self) -> str:
        """Write the rest and the end mark; return the archive's digest in hexadecimal."""
        self._flush()
        self._compressor.finish()
        digest = self._digest.digest()
        self._put(self._format.end_mark(digest))
        return digest.hex()

    def _flush(self) -> None:
        if not self.written:
            self._put(self._format.begin)
        self._compressor.write(self._view[: self._used])
        self._flushed += self._used
        self._used = 0

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        try:
            self._sink.write(data)
        except OSError as error:
            raise CallerError(error) from None
        self.written += len(data)


def _recognised(name: str, start: bytes) -> Format:
    """Return the format of an archive with these first bytes. Raises ArchiveUnknown, and Broken for a damaged one."""
    for each in FORMATS:
        if start.startswith(each.begin):
            return each
    if not start:
        raise Broken("the file is empty")
    for each in FORMATS:
        same = sum(a == b for a, b in zip(each.begin, start))
        # The first bytes of a file that is cut off, or nearly all of the mark.
        if same == len(start) or same >= len(each.begin) - 8:
            raise Broken("the beginning of the file is damaged")
    raise errors.ArchiveUnknown(
        f"{name} is not a backup of teleport-bootstrap",
        hint="`teleport-bootstrap backup` makes them. Unpack other archives with tar.",
    )


class Input:
    """The tar of an archive. A context manager; take the tar's bytes in order, then call `finish`.

    Raises Broken where the archive is damaged, which may only show at its end; ArchiveUnknown for another file or where
    a program is missing; CompressorTrouble; and what the source raises.
    """

    def __init__(self, source: interface.Source, *, progress: interface.Progress | None = None) -> None:
        self._source = source
        self._progress = progress
        self._reported = 0.0
        # How many bytes of the archive have been read, and how many members the caller has done.
        self.done = 0
        self.entries = 0
        # The last bytes that were read: they may be the end mark.
        self._held = b""
        self._at_end = False
        # Bytes of the tar, and how many of them have been taken.
        self._data = b""
        self._at = 0
        try:
            self._stream = source.open()
        except OSError as error:
            self._fail(error)
        self._digest = Digest()
        try:
            while len(self._held) < _LONGEST_BEGIN and (part := self._read()):
                self._held += part
            self._format = _recognised(source.name, self._held)
            self._end_size = len(self._format.end_mark(bytes(_DIGEST_SIZE)))
            self._skip_begin = len(self._format.begin)
            self._pieces = compression.expand(self.compression, self._compressed)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Input:
        return self

    def __exit__(self, *_: object) -> None:
        self._pieces.close()
        self._close()

    @property
    def compression(self) -> str:
        """What the archive is compressed with."""
        return self._format.name

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes of the tar, all of them."""
        end = self._at + size
        if end <= len(self._data):
            start, self._at = self._at, end
            return self._data[start:end]
        return b"".join(bytes(part) for part in self.pieces(size))

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the next `size` bytes of the tar, piece by piece."""
        while size > 0:
            if self._at == len(self._data) and not self._next():
                raise Broken("the tar is cut off")
            part = memoryview(self._data)[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            yield part

    def finish(self) -> str:
        """Return the archive's digest in hexadecimal, when all of the tar has been taken."""
        if self._at < len(self._data) or self._next():
            raise Broken("data follows the end of the tar")
        digest = self.digest()
        if not digest:
            raise Broken("the SHA-256 at its end is not that of the file")
        return digest

    def digest(self) -> str:
        """Read the rest of the file without expanding it; return its digest, "" where the file is damaged."""
        self._pieces.close()
        while self._compressed():
            pass
        digest = self._digest.digest()
        return digest.hex() if self._held == self._format.end_mark(digest) else ""

    def _next(self) -> bool:
        self._at = 0
        try:
            self._data = next(self._pieces, b"")
        except compression.Undecodable as error:
            self._data = b""
            raise Broken(str(error)) from None
        now = time.monotonic()
        if self._progress is not None and now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._progress(self.done, self.entries)
        return bool(self._data)

    def _compressed(self) -> bytes:
        """Return the next bytes between the marks, none at the end."""
        while not self._at_end:
            part = self._read()
            self._held += part
            self._at_end = not part
            before = self._held[: -self._end_size]
            if before:
                self._held = self._held[-self._end_size :]
                self._digest.update(before)
                before, self._skip_begin = before[self._skip_begin :], max(0, self._skip_begin - len(before))
            if before:
                return before
        return b""

    def _read(self) -> bytes:
        try:
            part = self._stream.read(_READ_SIZE)
        except OSError as error:
            self._fail(error)
        self.done += len(part)
        return part

    def _fail(self, error: OSError) -> NoReturn:
        raise errors.FileTrouble(
            f"{self._source.name} cannot be read: {error.strerror or error}",
            hint="Check the file and the disk it is on.",
        ) from None

    def _close(self) -> None:
        self._digest.close()
        self._stream.close()
