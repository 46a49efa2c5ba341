"""The tar of an archive, from its first byte to its last, while each block's digest and the seal are checked."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NoReturn, Optional

from teleport_bootstrap import errors
from teleport_bootstrap.archive import compression, container, interface

_REPORT_SECONDS = 0.1


class Bytes:
    """The bytes of a source, as many as are asked for. Raises what the source raises, FileTrouble for OSError."""

    def __init__(self, source: interface.Source) -> None:
        self._source = source
        try:
            self._stream = source.open()
        except OSError as error:
            self._fail(error)
        self._unread = b""
        self.done = 0

    def unread(self, data: bytes) -> None:
        """Have `data` read once more."""
        self._unread = data + self._unread
        self.done -= len(data)

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        parts = []
        left = size
        while left > 0:
            part = self._next(left)
            if not part:
                break
            parts.append(part)
            left -= len(part)
        self.done += size - left
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _next(self, size: int) -> bytes:
        if self._unread:
            part, self._unread = self._unread[:size], self._unread[size:]
            return part
        try:
            return self._stream.read(size)
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Stop reading."""
        self._stream.close()

    def _fail(self, error: OSError) -> NoReturn:
        raise errors.FileTrouble(
            f"{self._source.name} cannot be read: {error.strerror or error}",
            hint="Look at the file and the disk it is on.",
        ) from None


class Input:
    """Use as a context manager; then take the tar's bytes in order, and call `finish`.

    Blocks are expanded while the caller is busy with an earlier one. Raises container.Broken wherever the
    archive is not as it was sealed, before a byte of that block is given; ArchiveUnknown for what is no archive.
    """

    def __init__(self, source: interface.Source, *, progress: Optional[interface.Progress] = None) -> None:
        self._bytes = Bytes(source)
        try:
            self._format = _recognised(source, self._bytes)
            self._codec = compression.codec(self._format.name)
        except BaseException:
            self._bytes.close()
            raise
        workers = compression.workers()
        self._pool = ThreadPoolExecutor(workers, "expand")
        self._most = workers + 1
        self._waiting: deque[tuple[int, Future[tuple[bytes, bool, bool]]]] = deque()
        self._blocks = container.blocks(self._read, self._format)
        self._digest = ""
        self._data = b""
        self._at = 0
        self._behind = 0
        self._progress = progress
        self._reported = 0.0
        self.entries = 0

    def __enter__(self) -> Input:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._codec.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        # Once more, for what was still in use.
        self._codec.close()
        self._bytes.close()

    @property
    def compression(self) -> str:
        """What the archive is compressed with."""
        return self._format.name

    @property
    def done(self) -> int:
        """How many bytes of the archive have been read."""
        return self._bytes.done

    def tell(self) -> int:
        """Return how many bytes of the tar have been given."""
        return self._behind + self._at

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes of the tar, all of them."""
        end = self._at + size
        if end <= len(self._data):
            start, self._at = self._at, end
            return self._data[start:end]
        return b"".join(bytes(part) for part in self.pieces(size))

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the next `size` bytes of the tar, in pieces as they come, none larger than a block."""
        while size > 0:
            if self._at == len(self._data):
                self._next()
            part = memoryview(self._data)[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            yield part

    def finish(self) -> str:
        """Return the archive's digest, when all of the tar has been given and the seal is good."""
        if self._at < len(self._data) or self._fill():
            raise container.Broken(f"the tar goes on behind its end, at byte {self.tell()} of it")
        return self._digest

    def _next(self) -> None:
        if not self._fill():
            raise container.Broken(f"the tar ends at byte {self.tell()} of it, before its end")
        index, future = self._waiting.popleft()
        data, good, whole = future.result()
        if not good:
            raise container.Broken(f"block {index} is damaged")
        if not whole:
            raise container.Broken(f"block {index} does not hold what it says")
        self._behind += len(self._data)
        self._data, self._at = data, 0
        self._tick()

    def _fill(self) -> bool:
        """Have as many blocks expanded as may wait; return whether one does."""
        while not self._digest and len(self._waiting) < self._most:
            found = next(self._blocks)
            if isinstance(found, str):
                self._digest = found
                break
            self._waiting.append((found.introduction.index, self._pool.submit(self._expand, found)))
        return bool(self._waiting)

    def _expand(self, block: container.Block) -> tuple[bytes, bool, bool]:
        if not block.is_good():
            return b"", False, False
        data, whole = self._codec.expand(block.stored, block.introduction.size)
        return data, True, whole

    def _read(self, size: int) -> bytes:
        return self._bytes.read(size)

    def _tick(self) -> None:
        now = time.monotonic()
        if self._progress is not None and now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._progress(self._bytes.done, self.entries)


def _recognised(source: interface.Source, data: Bytes) -> container.Format:
    """Return the format of an archive, whose `begin` has been read then. Raises ArchiveUnknown, Broken."""
    start = data.read(container.LONGEST_START)
    format = container.recognise(start)
    if format is not None:
        data.unread(start[len(format.begin) :])
        return format
    if not start:
        raise container.Broken("the file is empty")
    if container.guess(start) is not None:
        raise container.Broken("the beginning of the file is damaged")
    raise errors.ArchiveUnknown(
        f"{source.name} is no backup of teleport-bootstrap",
        hint="`teleport-bootstrap backup` makes them. Other archives are unpacked by hand, with tar.",
    )
