"""The door to programs that turn some bytes into others, such as zstd: bounded in time and in what they give."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

_SAID_KEPT = 4096


@dataclass(frozen=True)
class Filtered:
    """What a program gave: all it wrote before it ended, and how that was: "" is well, else one line for people."""

    output: bytes
    trouble: str


class Filters:
    """Runs programs over blocks of bytes, from any thread; each may make up to `room` bytes of one.

    A context manager: what still runs at its end is killed. The files in memory that blocks are in are used over and
    over, and go with this object.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._held = contextlib.ExitStack()
        self._free: list[tuple[int, int]] = []
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ending = False
        self._lock = threading.Lock()

    def __enter__(self) -> Filters:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what still runs; what is started later ends at once."""
        with self._lock:
            self._ending = True
            for child in self._running:
                child.kill()
            # Those that a child still has are closed when it has gone.
            if not self._running:
                self._held.close()
                self._free.clear()

    def run(self, argv: Sequence[str], data: bytes | memoryview, *, timeout_seconds: float) -> Filtered:
        """Return what `argv` makes of `data`. A program that writes more than there is room for is refused the rest.

        Input and output are files in memory instead of pipes: nobody has to feed and drain a child that may hang, and
        the kernel enforces the limit. Never raises for what the program does.
        """
        try:
            files = self._take()
        except OSError as error:
            return Filtered(b"", f"no memory to run `{argv[0]}` over: {error.strerror}")
        try:
            return self._over(files, argv, data, timeout_seconds)
        except OSError as error:
            return Filtered(b"", f"no memory to run `{argv[0]}` over: {error.strerror}")
        finally:
            with self._lock:
                self._free.append(files)

    def _take(self) -> tuple[int, int]:
        """Return a file for input and one for output that nobody else uses. Raises OSError."""
        with self._lock:
            if self._free:
                return self._free.pop()
            source = os.memfd_create("input", os.MFD_CLOEXEC)
            self._held.callback(os.close, source)
            target = os.memfd_create("output", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            self._held.callback(os.close, target)
        os.ftruncate(target, self._room)
        fcntl.fcntl(target, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        return source, target

    def _over(
        self, files: tuple[int, int], argv: Sequence[str], data: bytes | memoryview, timeout_seconds: float
    ) -> Filtered:
        source, target = files
        at = 0
        while at < len(data):
            at += os.pwrite(source, memoryview(data)[at:], at)
        os.ftruncate(source, at)
        os.lseek(source, 0, os.SEEK_SET)
        os.lseek(target, 0, os.SEEK_SET)
        trouble = self._run(argv, source, target, timeout_seconds)
        # The position is the child's own: both have the same open file.
        written = min(os.lseek(target, 0, os.SEEK_CUR), self._room)
        return Filtered(_read(target, written), trouble)

    def _run(self, argv: Sequence[str], source: int, target: int, timeout_seconds: float) -> str:
        # Nothing of the caller's environment: variables such as ZSTD_CLEVEL would change what a program does.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        with self._lock:
            if self._ending:
                return f"`{argv[0]}` was not run: the work has ended"
            try:
                child = subprocess.Popen(
                    list(argv), stdin=source, stdout=target, stderr=subprocess.PIPE, env=environment
                )
            except OSError as error:
                return f"`{argv[0]}` could not be run: {error.strerror}"
            self._running.add(child)
        try:
            said, ended = _listen(child, time.monotonic() + timeout_seconds)
            if not ended:
                child.kill()
            status = child.wait()
        finally:
            with self._lock:
                self._running.discard(child)
            if child.stderr is not None:
                child.stderr.close()
        if not ended:
            return f"`{argv[0]}` did not end within {timeout_seconds:.0f} s"
        if status == 0:
            return ""
        ending = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        return f"`{argv[0]}` {ending}" + (f": {lines[-1]}" if lines else "")


def _read(descriptor: int, size: int) -> bytes:
    """Return the first `size` bytes of a file in memory."""
    parts = []
    at = 0
    while at < size:
        part = os.pread(descriptor, size - at, at)
        if not part:
            break
        parts.append(part)
        at += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _listen(child: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bool]:
    """Return the end of what `child` says, and whether it stopped talking, which is when it ends, before `deadline`."""
    if child.stderr is None:
        raise ValueError("the child's words go elsewhere")
    descriptor = child.stderr.fileno()
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN | select.POLLHUP)
    said = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            return said, False
        part = os.read(descriptor, 65536)
        if not part:
            return said, True
        said = (said + part)[-_SAID_KEPT:]
