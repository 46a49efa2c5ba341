"""Standard input, output and error, which may be closed, full, gone with their terminal, or not read by anyone.

What a command does to a host must neither stop nor fail because of them.
"""

from __future__ import annotations

import errno
import io
import os
import select
import socket
import stat
import sys
import time

# Where systemd, and `systemd-cat`, connect the standard output of a program.
_JOURNAL = ("/run/systemd/journal/stdout", b"/run/systemd/journal/stdout")

# What a pipe takes at once when it takes anything (POSIX), so that a write after poll does not block.
_PIECE = 4096
# How long a reader of messages may keep us waiting, in all. Messages may be written while locks are held.
MESSAGES_SECONDS = 10.0
# How long a reader of the result may take for a piece of it, where its pipe does not block.
RESULT_SECONDS = 30.0


def prepare() -> None:
    """Open /dev/null for standard streams that are closed, and let no message fail.

    Otherwise the next file to be opened would get the descriptor of one of them, and the output would go there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - stays open
    if not isinstance(sys.stderr, Messages):
        sys.stderr = Messages(sys.stderr.fileno(), sys.stderr.encoding)


class Messages(io.TextIOBase):
    """Standard error: what cannot be written is dropped, and a reader that does not read is not waited for long."""

    encoding = "utf-8"

    def __init__(self, descriptor: int, encoding: str) -> None:
        self._descriptor = descriptor
        self.encoding = encoding
        self._left = MESSAGES_SECONDS

    def writable(self) -> bool:
        """Whether this can be written: always."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        """Write `text` at once, or as much of it as can be written. Never raises."""
        data = memoryview(text.encode(self.encoding, "backslashreplace"))
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while data:
            began = time.monotonic()
            try:
                if not poll.poll(self._left * 1000):
                    break
                data = data[os.write(self._descriptor, data[:_PIECE]) :]
            except BlockingIOError:
                # It takes less than this piece: look again soon, not at once.
                time.sleep(min(0.01, self._left))
            except OSError:
                break
            finally:
                self._left = max(0.0, self._left - (time.monotonic() - began))
        return len(text)

    def close(self) -> None:
        """Leave it open, for what is still said at the end of the process."""


def result_is_logged() -> bool:
    """Whether standard output goes to the journal, as that of a unit does."""
    try:
        descriptor = sys.stdout.fileno()
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        with socket.socket(fileno=os.dup(descriptor)) as found:
            return found.family == socket.AF_UNIX and found.getpeername() in _JOURNAL
    except (OSError, ValueError):
        return False


def write_result(data: bytes) -> None:
    """Write `data` to standard output. Raises BrokenPipeError where its reader has had enough, and other OSErrors."""
    try:
        descriptor = sys.stdout.fileno()
    except io.UnsupportedOperation:  # it is kept in memory
        sys.stdout.buffer.write(data)
        return
    rest = memoryview(data)
    until = time.monotonic() + RESULT_SECONDS
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
            until = time.monotonic() + RESULT_SECONDS
        except BlockingIOError:
            left = until - time.monotonic()
            if left <= 0:
                raise OSError(errno.ETIMEDOUT, "its reader does not read") from None
            select.select([], [descriptor], [], min(left, 0.1))
