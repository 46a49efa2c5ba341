"""Compressing blocks: by the zstd program where it is installed, else as gzip does, which Python brings."""

from __future__ import annotations

import os
import shutil
import zlib
from typing import Optional, Protocol

from teleport_bootstrap import errors
from teleport_bootstrap.archive import container
from teleport_bootstrap.host import filters

# Each program's own default.
_ZSTD_LEVEL = 3
_GZIP_LEVEL = 6

# A block takes a few hundredths of a second. This is for a machine that is on its knees.
_BLOCK_SECONDS = 300.0

# A frame that wants a larger window than any level makes for a block of ours is not ours.
_ZSTD_MEMORY = "64MB"

_INSTALL_ZSTD = "Install it: `dnf install zstd` or `apt-get install zstd`."


class Codec(Protocol):
    """One way of compressing; all methods may be called by several threads at once."""

    format: container.Format

    def compress(self, data: memoryview) -> bytes:
        """Return a block's compressed bytes. Raises CompressorTrouble."""

    def expand(self, stored: bytes, size: int) -> tuple[bytes, bool]:
        """Return what can be had of a block of `size` bytes, and whether that is all of it and well.

        Never more than `size` bytes, whatever `stored` holds. Raises CompressorTrouble where it could not be tried.
        """

    def close(self) -> None:
        """End what still runs."""


class Zstd:
    """The zstd program, one process for each block: a crash or a hang is one block's, and is told."""

    format = container.ZSTD

    def __init__(self, program: str) -> None:
        self._program = program
        self._filters = filters.Filters(container.LARGEST_STORED)

    def compress(self, data: memoryview) -> bytes:
        """See Codec."""
        done = self._filters.run(
            [self._program, "-q", "-c", f"-{_ZSTD_LEVEL}", "--single-thread"],
            data,
            timeout_seconds=_BLOCK_SECONDS,
        )
        if done.trouble:
            raise _trouble("compressing the backup", done.trouble)
        return done.output

    def expand(self, stored: bytes, size: int) -> tuple[bytes, bool]:
        """See Codec."""
        done = self._expand(stored)
        if not done.trouble:
            return done.output[:size], len(done.output) == size
        # It gives little of a frame whose checksum is wrong, unless it is told not to look at that.
        again = self._expand(stored, "--no-check")
        return max(done.output, again.output, key=len)[:size], False

    def _expand(self, stored: bytes, *options: str) -> filters.Filtered:
        done = self._filters.run(
            [self._program, "-q", "-d", "-c", f"--memory={_ZSTD_MEMORY}", *options],
            stored,
            timeout_seconds=_BLOCK_SECONDS,
        )
        if done.trouble and "ended with status" not in done.trouble:
            raise _trouble("reading the backup", done.trouble)
        return done

    def close(self) -> None:
        """See Codec."""
        self._filters.close()


class Gzip:
    """What gzip does, by the zlib that Python brings: it works beside other threads as a program would."""

    format = container.GZIP

    def compress(self, data: memoryview) -> bytes:
        """See Codec."""
        work = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        tail = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
        return b"".join((work.compress(data), work.flush(), tail))

    def expand(self, stored: bytes, size: int) -> tuple[bytes, bool]:
        """See Codec."""
        work = zlib.decompressobj(-zlib.MAX_WBITS)
        parts = []
        have = 0
        trouble = False
        # In steps, because zlib keeps nothing of what it made before it found the damage.
        for start in range(0, len(stored), _GZIP_STEP):
            try:
                part = work.decompress(work.unconsumed_tail + stored[start : start + _GZIP_STEP], size - have + 1)
            except zlib.error:
                trouble = True
                break
            parts.append(part)
            have += len(part)
            if work.eof or have > size:
                break
        data = b"".join(parts)[:size]
        tail = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
        return data, not trouble and work.eof and have == size and stored[-8:] == tail

    def close(self) -> None:
        """See Codec."""


_GZIP_STEP = 1024 * 1024


def best() -> str:
    """Return the best compression that this machine has, for which `tar` can unpack what it makes: zstd, else gzip."""
    return container.ZSTD.name if zstd_program() else container.GZIP.name


def codec(name: str) -> Codec:
    """Return the codec called `name`. Raises ArchiveUnknown where its program is not installed."""
    if name == container.GZIP.name:
        return Gzip()
    if name != container.ZSTD.name:
        raise ValueError(f"no compression is called {name}")
    program = zstd_program()
    if program is None:
        raise errors.ArchiveUnknown("this takes the program zstd, which is not installed", hint=_INSTALL_ZSTD)
    return Zstd(program)


def zstd_program() -> Optional[str]:
    """Return where the zstd program is, None where there is none."""
    return shutil.which("zstd")


def workers() -> int:
    """Return how many blocks to work on at a time: what is read and hashed meanwhile needs a processor too."""
    return max(1, min(4, len(os.sched_getaffinity(0))))


def _trouble(what: str, trouble: str) -> errors.CompressorTrouble:
    return errors.CompressorTrouble(
        f"{what} failed: {trouble}",
        hint="Look at the machine's memory and at the program; without zstd, gzip is used.",
    )
