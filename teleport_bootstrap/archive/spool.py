"""Data that is too long for memory and is read again, in a temporary file without a name."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.hints import TypeVar

Result = TypeVar("Result")


def scratch() -> str:
    """Return a directory for temporary files of any size: not /tmp, which is often kept in memory."""
    large = "/var/tmp"  # noqa: S108
    return large if os.access(large, os.W_OK | os.X_OK) else tempfile.gettempdir()


class Spool:
    """A temporary file of lines. A context manager; all methods raise FileTrouble where the disk is full or fails."""

    def __init__(self) -> None:
        self._file = _required(lambda: tempfile.TemporaryFile(dir=scratch()))  # noqa: SIM115

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        # Data that was not written yet is not needed, and the descriptor is closed in any case.
        with contextlib.suppress(OSError):
            self._file.close()

    def write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise _unusable(error) from None

    def rewind(self) -> int:
        """Go back to the beginning, to read; return the size in bytes."""
        size = _required(self._file.seek, 0, os.SEEK_END)
        _required(self._file.seek, 0)
        return size

    def line(self) -> bytes:
        try:
            return self._file.readline()
        except OSError as error:
            raise _unusable(error) from None

    def lines(self) -> Iterator[bytes]:
        """Return the lines from here to the end."""
        return iter(self.line, b"")


def _required(call: Callable[..., Result], *arguments: object) -> Result:
    try:
        return call(*arguments)
    except OSError as error:
        raise _unusable(error) from None


def _unusable(error: OSError) -> errors.FileTrouble:
    return errors.FileTrouble(
        f"a temporary file in {scratch()} cannot be used: {error.strerror}",
        hint=f"Make room in {scratch()}: about 300 bytes for each file in the backup.",
    )
