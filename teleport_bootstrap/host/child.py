"""One child process: what it may read, print and take, with an end to every wait.

The child is the first of a session of its own. It has no terminal to ask on, Ctrl-C and the loss of a terminal reach it
only through us, and what it started in turn is ended with it. What it left running when it ended by itself is not.
"""

from __future__ import annotations

import contextlib
import enum
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator

from teleport_bootstrap.hints import IO
from teleport_bootstrap.records import dataclass

_READ_SIZE = 64 * 1024
# How often to look whether it has ended while something still holds its pipes open.
_LOOK_SECONDS = 0.05
# What a child left running may hold its pipes open for days; its own output is in them when it ends.
_LEFT_OPEN_SECONDS = 1.0
# To end by itself after SIGTERM: at most this, and at most this share of its time.
_GENTLE_SECONDS = 1.0
_GENTLE_SHARE = 0.05
# For the kernel to end what was killed. One that waits for a broken disk may never end, and is not waited for.
_KILLED_SECONDS = 1.0


class Limit(enum.Enum):
    """Why a child was ended."""

    TIME = "time"
    SIZE = "size"


@dataclass(frozen=True)
class Outcome:
    """What a child printed, and its status as in subprocess; `limit` is what it reached, None where it ended itself."""

    output: bytes
    errors: bytes
    status: int
    limit: Limit | None


def watch(child: subprocess.Popen[bytes], *, given: bytes = b"", most_bytes: int, timeout_seconds: float) -> Outcome:
    """Give `given` to a child whose pipes are open, and read what it prints until it ends.

    It was started with `start_new_session`. It is ended when it prints more than `most_bytes` to one of its pipes, or
    runs longer than `timeout_seconds`, and also where this raises, as for a signal.
    """
    deadline = time.monotonic() + timeout_seconds
    gently = min(_GENTLE_SECONDS, timeout_seconds * _GENTLE_SHARE)
    output, errors = bytearray(), bytearray()
    limit: Limit | None = None
    try:
        readers = {child.stdout: output, child.stderr: errors}
        limit = _exchange(child, {pipe: kept for pipe, kept in readers.items() if pipe}, given, most_bytes, deadline)
    finally:
        end(child, gently_seconds=0.0 if limit is Limit.SIZE else gently)
    status = child.returncode if child.returncode is not None else -int(signal.SIGKILL)
    return Outcome(bytes(output), bytes(errors), status, limit)


def end(child: subprocess.Popen[bytes], *, gently_seconds: float = 0.0) -> None:
    """End a child and what it started, if it still runs, and close its pipes; return within about two seconds."""
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            # What was not written yet is lost with the reader.
            with contextlib.suppress(OSError):
                pipe.close()
    if gently_seconds and not _has_ended(child):
        _signal(child, signal.SIGTERM)
        _wait(child, gently_seconds)
    if not _has_ended(child):
        _signal(child, signal.SIGKILL)
    _wait(child, _KILLED_SECONDS)


def _exchange(
    child: subprocess.Popen[bytes],
    readers: dict[IO[bytes], bytearray],
    given: bytes,
    most_bytes: int,
    deadline: float,
) -> Limit | None:
    with _selector(child, readers, given) as selector:
        rest = memoryview(given)
        until = deadline
        is_over = False
        while selector.get_map():
            left = until - time.monotonic()
            if left <= 0:
                return None if is_over else Limit.TIME
            for key, _ in selector.select(min(left, _LOOK_SECONDS)):
                pipe, kept = key.data
                if kept is None:
                    rest = _write(key.fd, rest)
                    is_done = not rest
                else:
                    part = _read(key.fd, most_bytes + 1 - len(kept))
                    kept += part or b""
                    is_done = part == b""
                    if len(kept) > most_bytes:
                        return Limit.SIZE
                if is_done:
                    selector.unregister(pipe)
                    pipe.close()
            if not is_over and _has_ended(child):
                is_over = True
                until = min(deadline, time.monotonic() + _LEFT_OPEN_SECONDS)
    # It may have closed its pipes long before its end.
    return None if _wait(child, deadline - time.monotonic()) else Limit.TIME


@contextlib.contextmanager
def _selector(
    child: subprocess.Popen[bytes], readers: dict[IO[bytes], bytearray], given: bytes
) -> Iterator[selectors.PollSelector]:
    # poll takes descriptors beyond 1023, and none of its own.
    with selectors.PollSelector() as selector:
        for pipe, kept in readers.items():
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, (pipe, kept))
        if child.stdin is not None:
            if given:
                os.set_blocking(child.stdin.fileno(), False)
                selector.register(child.stdin, selectors.EVENT_WRITE, (child.stdin, None))
            else:
                child.stdin.close()
        yield selector


def _write(descriptor: int, data: memoryview) -> memoryview:
    try:
        return data[os.write(descriptor, data[:_READ_SIZE]) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return data[:0]


def _read(descriptor: int, most: int) -> bytes | None:
    try:
        return os.read(descriptor, min(_READ_SIZE, most))
    except BlockingIOError:
        return None


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended, without taking its status: until then its number, and so its group's, is not used again."""
    if child.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # It may run as another account by now, or have gone.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _wait(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for its end at most so long; return whether it has come."""
    try:
        child.wait(max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return False
    return True
