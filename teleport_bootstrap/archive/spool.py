"""What is too long for memory and has to be read again: lines in a file that has no name and goes with the process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import NoReturn

from teleport_bootstrap import errors


def scratch() -> str:
    """Return where temporary files of any size may be: not /tmp, which is often kept in memory."""
    large = "/var/tmp"  # noqa: S108
    return large if os.access(large, os.W_OK | os.X_OK) else tempfile.gettempdir()


class Spool:
    """A temporary file of lines. A context manager; all methods raise FileTrouble where there is no room for it."""

    def __init__(self) -> None:
        self._directory = scratch()
        try:
            self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115
        except OSError as error:
            self._fail(error)

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`."""
        try:
            self._file.write(data)
        except OSError as error:
            self._fail(error)

    def rewind(self) -> int:
        """Go back to the beginning, to read; return how many bytes there are."""
        try:
            self._file.flush()
            size = self._file.seek(0, os.SEEK_END)
            self._file.seek(0)
        except OSError as error:
            self._fail(error)
        return size

    def read(self, size: int) -> bytes:
        """Return the next bytes, none at the end."""
        try:
            return self._file.read(size)
        except OSError as error:
            self._fail(error)

    def line(self) -> bytes:
        """Return the next line, none at the end."""
        try:
            return self._file.readline()
        except OSError as error:
            self._fail(error)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines from here to the end."""
        while line := self.line():
            yield line

    def close(self) -> None:
        """Let the file go. What is still to be written to it is of no use to anybody."""
        try:
            self._file.close()
        except OSError:
            # The descriptor is closed all the same.
            return

    def _fail(self, error: OSError) -> NoReturn:
        raise errors.FileTrouble(
            f"a temporary file in {self._directory} cannot be used: {error.strerror}",
            hint=f"Make room in {self._directory}: about 300 bytes for each file in the backup.",
        ) from None
