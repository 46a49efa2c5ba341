"""The tar of a damaged archive: what can be had of it, with gaps where nothing can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from teleport_bootstrap.archive import container
from teleport_bootstrap.archive.tar_writing import RECORD

_MAGIC: Final = b"ustar\x0000"
_MAGIC_AT: Final = 257


class Lost(Exception):
    """Some of the bytes that were asked for cannot be had; those behind them may be."""


class Over(Exception):
    """There is no more."""


@dataclass(frozen=True)
class Stretch:
    """So many bytes of the tar, or of a gap; `first` is where a member is known to begin, -1 where none is."""

    offset: int
    size: int
    data: bytes | None
    good: bool
    first: int


def stretches(
    blocks: Iterator[container.Block], expand: Callable[[bytes, int], tuple[bytes, bool]]
) -> Iterator[Stretch]:
    """Yield what the blocks hold, one stretch behind the other without overlap, and gaps for what is missing."""
    at = 0
    for block in blocks:
        said = block.introduction
        if said.offset < at:
            continue
        if said.offset > at:
            yield Stretch(at, said.offset - at, None, False, -1)
        good = block.is_good()
        data, whole = expand(block.stored, said.size)
        first = -1 if said.first == container.NO_MEMBER else said.offset + said.first
        if data:
            yield Stretch(said.offset, len(data), data, good and whole, first)
        at = said.offset + len(data)
        if len(data) < said.size:
            yield Stretch(at, said.size - len(data), None, False, -1)
            at = said.offset + said.size


class Ragged:
    """Gives the bytes of the tar in order, as far as they are there.

    `doubtful` becomes true where bytes are given, or were missing, whose block is damaged; set it to false to watch.
    """

    def __init__(self, found: Iterator[Stretch]) -> None:
        self._found = found
        self._now = Stretch(0, 0, b"", True, -1)
        self._at = 0
        self.doubtful = False

    def tell(self) -> int:
        """Return where in the tar we are."""
        return self._at

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes. Raises Lost, Over."""
        parts = list(self.pieces(size))
        if any(part is None for part in parts):
            raise Lost
        return b"".join(part for part in parts if part is not None)

    def pieces(self, size: int) -> Iterator[memoryview | None]:
        """Yield the next `size` bytes in pieces, None for a piece that is missing. Raises Over."""
        while size > 0:
            if self._at >= self._now.offset + self._now.size:
                self._next()
            start = self._at - self._now.offset
            length = min(size, self._now.size - start)
            self._at += length
            size -= length
            self.doubtful |= not self._now.good
            yield None if self._now.data is None else memoryview(self._now.data)[start : start + length]

    def to_next_member(self) -> None:
        """Go on to where a member seems to begin, past what is lost. Raises Over."""
        while True:
            if self._at >= self._now.offset + self._now.size:
                self._next()
            if self._now.data is None:
                self._at = self._now.offset + self._now.size
                continue
            self._at += -self._at % RECORD
            start = self._at - self._now.offset
            found = self._now.data.find(_MAGIC, start + _MAGIC_AT)
            while found != -1 and (self._now.offset + found - _MAGIC_AT) % RECORD:
                found = self._now.data.find(_MAGIC, found + 1)
            marks = [self._now.offset + found - _MAGIC_AT] if found != -1 else []
            if self._now.first >= self._at:
                marks.append(self._now.first)
            if marks:
                self._at = min(marks)
                return
            self._at = self._now.offset + self._now.size

    def _next(self) -> None:
        found = next(self._found, None)
        if found is None:
            raise Over
        self._now = found
        # Where a record had to be aligned across the end of a stretch, we may be inside of this one.
        self._at = max(self._at, found.offset)
