"""The tar under way: cut into blocks, compressed several at a time, written in order."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from teleport_bootstrap.backup import archive, compression, container


class Output:
    """Takes the bytes of a tar and writes an archive to `sink`. Use as a context manager, and call `finish`.

    The sink is written to in the caller's thread. What raises ends the work: nothing runs on behind the block.
    """

    def __init__(self, sink: archive.Sink, codec: compression.Codec) -> None:
        self._sink = sink
        self._codec = codec
        self._sealer = container.Sealer(codec.format)
        workers = compression.workers()
        self._pool = ThreadPoolExecutor(workers, "compress")
        # One more than are worked on, so that none of them waits for us.
        self._most = workers + 1
        self._waiting: deque[tuple[int, int, Future[tuple[bytes, bytes]]]] = deque()
        self._parts: list[bytes] = []
        self._held = 0
        self._first = container.NO_MEMBER
        self.offset = 0
        self.written = 0

    def __enter__(self) -> Output:
        self._put(self._sealer.begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._codec.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def member(self) -> None:
        """Say that what is written next is the beginning of a member."""
        if self._first == container.NO_MEMBER:
            self._first = self._held

    def write(self, data: bytes) -> None:
        """Take the next bytes of the tar, of any number."""
        size = len(data)
        self.offset += size
        if self._held + size < container.BLOCK_SIZE:
            self._parts.append(data)
            self._held += size
            return
        left = memoryview(data)
        while self._held + len(left) >= container.BLOCK_SIZE:
            room = container.BLOCK_SIZE - self._held
            self._parts.append(bytes(left[:room]))
            self._held += room
            left = left[room:]
            self.cut()
        if left:
            self._parts.append(bytes(left))
            self._held += len(left)

    def cut(self) -> None:
        """End the block here; nothing, if there is none."""
        if not self._held:
            return
        while len(self._waiting) >= self._most:
            self._write_one()
        # Joined before it is handed over: thousands of small pieces are a block's memory twice.
        block = b"".join(self._parts)
        self._waiting.append((self._held, self._first, self._pool.submit(self._compress, block)))
        self._parts, self._held, self._first = [], 0, container.NO_MEMBER

    def finish(self) -> str:
        """Write what is left and the seal; return the archive's digest."""
        self.cut()
        while self._waiting:
            self._write_one()
        seal, digest = self._sealer.seal()
        self._put(seal)
        return digest

    def _compress(self, data: bytes) -> tuple[bytes, bytes]:
        stored = self._codec.compress(data)
        return stored, hashlib.sha256(stored).digest()

    def _write_one(self) -> None:
        size, first, future = self._waiting.popleft()
        stored, digest = future.result()
        self._put(self._sealer.block(size, first, len(stored), digest))
        self._put(stored)

    def _put(self, data: bytes) -> None:
        if data:
            self._sink.write(data)
            self.written += len(data)
