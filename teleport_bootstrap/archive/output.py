"""The tar under way: cut into blocks, compressed several at a time, written in order."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from teleport_bootstrap.archive import compression, container, interface


class NotOurs(Exception):
    """Carries what a sink or somebody else's function raised past those who would take it for a file's trouble."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Output:
    """Takes the bytes of a tar and writes an archive to `sink`. Use as a context manager, and call `finish`.

    The sink is written to in the caller's thread; its OSError comes as NotOurs. What raises ends the work: nothing runs
    on behind the block.
    """

    def __init__(self, sink: interface.Sink, codec: compression.Codec) -> None:
        self._sink = sink
        self._codec = codec
        self._sealer = container.Sealer(codec.format)
        workers = compression.workers()
        self._pool = ThreadPoolExecutor(workers, "compress")
        # As many as are worked on; one more is being filled, and one may be on its way to the sink.
        self._most = workers
        self._waiting: deque[tuple[bytearray, int, int, Future[tuple[bytes, bytes]]]] = deque()
        # Used over and over: getting and clearing this much memory anew takes as long as hashing it.
        self._free = [bytearray(container.BLOCK_SIZE) for _ in range(workers + 2)]
        self._block = self._free.pop()
        self._view = memoryview(self._block)
        self._held = 0
        self._first = container.NO_MEMBER
        self._behind = 0
        self.written = 0

    def __enter__(self) -> Output:
        self._put(self._sealer.begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._codec.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        # Once more, for what was still in use.
        self._codec.close()

    def member(self) -> None:
        """Say that what is written next is the beginning of a member."""
        if self._first == container.NO_MEMBER:
            self._first = self._held

    @property
    def offset(self) -> int:
        """How many bytes of the tar there are."""
        return self._behind + self._held

    def write(self, data: bytes) -> None:
        """Take the next bytes of the tar, of any number."""
        size = len(data)
        if self._held + size < container.BLOCK_SIZE:
            self._block[self._held : self._held + size] = data
            self._held += size
            return
        left = memoryview(data)
        while left:
            room = self.space(len(left))
            room[:] = left[: len(room)]
            left = left[len(room) :]
            self.filled(len(room))

    def space(self, size: int) -> memoryview:
        """Return where up to `size` next bytes of the tar can be put by whoever has them; `filled` says how many."""
        return self._view[self._held : self._held + size]

    def filled(self, size: int) -> None:
        """Take so many bytes that were put into `space`."""
        self._held += size
        if self._held == container.BLOCK_SIZE:
            self.cut()

    def cut(self) -> None:
        """End the block here; nothing, if there is none."""
        if not self._held:
            return
        future = self._pool.submit(self._compress, self._view[: self._held])
        self._waiting.append((self._block, self._held, self._first, future))
        if len(self._waiting) > self._most:
            self._write_one()
        self._behind += self._held
        self._block = self._free.pop()
        self._view = memoryview(self._block)
        self._held, self._first = 0, container.NO_MEMBER

    def finish(self) -> str:
        """Write what is left and the seal; return the archive's digest."""
        self.cut()
        while self._waiting:
            self._write_one()
        seal, digest = self._sealer.seal()
        self._put(seal)
        return digest

    def _compress(self, data: memoryview) -> tuple[bytes, bytes]:
        stored = self._codec.compress(data)
        return stored, hashlib.sha256(stored).digest()

    def _write_one(self) -> None:
        block, size, first, future = self._waiting.popleft()
        stored, digest = future.result()
        self._free.append(block)
        self._put(self._sealer.block(size, first, len(stored), digest))
        self._put(stored)

    def _put(self, data: bytes) -> None:
        if data:
            try:
                self._sink.write(data)
            except OSError as error:
                raise NotOurs(error) from None
            self.written += len(data)
