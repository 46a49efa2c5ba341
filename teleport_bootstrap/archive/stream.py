"""The outermost layer of an archive: a compressed tar between two marks, the last of which holds a SHA-256.

    begin     a constant, from which an archive is recognised
    data      the compressed tar
    end       a constant and the SHA-256 of all bytes before it

Decompressors pass over the marks: every byte of the file counts, also those that a decompressor does not look at, and
`tar` unpacks it all the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from teleport_bootstrap import errors
from teleport_bootstrap.archive import compression, interface
from teleport_bootstrap.archive.compression import Broken
from teleport_bootstrap.hints import Any, Final

_READ_SIZE = 256 * 1024

BEGIN: Final = {
    name: compression.mark(name, b"TBBEGIN\x02", is_first=True) for name in (compression.ZSTD, compression.GZIP)
}


def end_mark(name: str, digest: bytes) -> bytes:
    """Return the last bytes of an archive whose other bytes have this SHA-256."""
    return compression.mark(name, b"TBEND\x00\x00\x02" + digest)


class Digest:
    """SHA-256, computed by a thread while the caller continues. A context manager."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, "sha256")
        self._pending: Future[Any] = self._pool.submit(bool)

    def update(self, data: bytes) -> None:
        self._pending.result()
        self._pending = self._pool.submit(self._sha256.update, data)

    def digest(self) -> bytes:
        self._pending.result()
        return self._sha256.digest()

    def __enter__(self) -> Digest:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


def archive(
    parts: Iterator[bytes], compressed: str, digest: Digest, count: Callable[[int], None] = lambda _: None
) -> Generator[bytes, None, None]:
    """Yield the archive of a tar, which consists of `parts`; `digest` is that of the archive in the end.

    `count` is called with the size of each block of the tar when it is compressed.
    """
    with contextlib.closing(compression.compress(compressed, _blocks(parts, count))) as pieces:
        for data in itertools.chain([BEGIN[compressed]], pieces):
            digest.update(data)
            yield data
    yield end_mark(compressed, digest.digest())


def _blocks(parts: Iterator[bytes], count: Callable[[int], None]) -> Iterator[bytes]:
    """Yield `parts` in blocks of a useful size for compressing."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size < compression.BLOCK_SIZE:
            continue
        data = b"".join(waiting)
        waiting = []
        count(size)
        for start in range(0, size, compression.BLOCK_SIZE):
            yield data[start : start + compression.BLOCK_SIZE]
        size = 0
    if waiting:
        count(size)
        yield b"".join(waiting)


def _recognised(name: str, start: bytes) -> str:
    """Return the compression of an archive with these first bytes. Raises ArchiveUnknown, and Broken for damage."""
    for compressed, begin in BEGIN.items():
        if start.startswith(begin):
            return compressed
        same = sum(a == b for a, b in zip(begin, start))
        # The first bytes of a file that is cut off, or nearly all of the mark.
        if same == len(start) or same >= len(begin) - 8:
            raise Broken("the beginning of the file is damaged or cut off")
    raise errors.ArchiveUnknown(
        f"{name} is not a backup of teleport-bootstrap",
        hint="`teleport-bootstrap backup` makes them. Unpack other archives with tar.",
    )


class Input:
    """The tar of an archive. A context manager; take the tar's bytes in order, then call `finish`.

    Raises Broken where the archive is damaged, which may only show at its end; ArchiveUnknown for another file or where
    a program is missing; CompressorTrouble; and what the source and `progress` raise.
    """

    def __init__(self, source: interface.Source, progress: interface.Progress | None = None) -> None:
        self._name = source.name
        self._progress = progress
        # How many bytes of the archive have been read, and how many members the caller has done.
        self.done = 0
        self.entries = 0
        # Bytes of the tar, and how many of them have been taken.
        self._data = b""
        self._at = 0
        self._end = b""
        with contextlib.ExitStack() as opened:
            try:
                self._stream = source.open()
            except OSError as error:
                raise _unreadable(source.name, error) from None
            opened.callback(self._stream.close)
            self._digest = opened.enter_context(Digest())
            start = b""
            while len(start) < max(map(len, BEGIN.values())) and (part := self._read()):
                start += part
            self.compression = _recognised(source.name, start)
            self._compressed = self._between_marks(start)
            self._expanded = opened.enter_context(
                contextlib.closing(compression.expand(self.compression, self._compressed))
            )
            self._opened = opened.pop_all()

    def __enter__(self) -> Input:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes of the tar, all of them."""
        end = self._at + size
        if end <= len(self._data):
            start, self._at = self._at, end
            return self._data[start:end]
        return b"".join(self.pieces(size))

    def pieces(self, size: int) -> Iterable[memoryview]:
        """Return the next `size` bytes of the tar, piece by piece; take all of them before anything else."""
        start, end = self._at, self._at + size
        if end > len(self._data):
            return self._next_pieces(size)
        self._at = end
        return (memoryview(self._data)[start:end],) if size else ()

    def _next_pieces(self, size: int) -> Iterator[memoryview]:
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
        if not (digest := self.digest()):
            raise Broken("the SHA-256 at its end is not that of the file")
        return digest

    def digest(self) -> str:
        """Read the rest of the file without expanding it; return its digest, "" where the file is damaged."""
        for _ in self._compressed:
            pass
        digest = self._digest.digest()
        return digest.hex() if self._end == end_mark(self.compression, digest) else ""

    def _next(self) -> bool:
        self._at, self._data = 0, b""
        self._data = next(self._expanded, b"")
        return bool(self._data)

    def _between_marks(self, start: bytes) -> Iterator[bytes]:
        """Yield the compressed tar. Hold back what may be the end mark, and digest everything before it."""
        begin = BEGIN[self.compression]
        self._digest.update(begin)
        end_size = len(end_mark(self.compression, bytes(hashlib.sha256().digest_size)))
        part = start[len(begin) :]
        while part:
            self._end += part
            before, self._end = self._end[:-end_size], self._end[-end_size:]
            if before:
                self._digest.update(before)
                yield before
            part = self._read()

    def _read(self) -> bytes:
        try:
            part = self._stream.read(_READ_SIZE)
        except OSError as error:
            raise _unreadable(self._name, error) from None
        self.done += len(part)
        if self._progress is not None:
            self._progress(self.done, self.entries)
        return part


def _unreadable(name: str, error: OSError) -> errors.FileTrouble:
    return errors.FileTrouble(
        f"{name} cannot be read: {error.strerror or error}", hint="Check the file and the disk it is on."
    )
