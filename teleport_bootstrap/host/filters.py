"""Programs that turn a stream of bytes into another one, such as zstd."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
from collections.abc import Sequence
from typing import IO

from teleport_bootstrap.host import process

_PIPE_SIZE = 1024 * 1024
_READ_SIZE = 1024 * 1024
_STDERR_KEPT = 4096
# From linux/fcntl.h; Python has the name since 3.10.
_F_SETPIPE_SZ = 1031


class Filter:
    """A running program that gets its input and gives its output piece by piece.

    A context manager: the program is killed if it still runs at the end of the block. `ended` becomes true when all
    output has been read and the program has exited; `trouble` then says in one line what went wrong, "" for nothing.
    A program that neither takes input nor gives output for `idle_seconds` is killed. Nothing raises for what it does.
    """

    def __init__(self, argv: Sequence[str], *, idle_seconds: float) -> None:
        self._name = argv[0]
        self._idle_seconds = idle_seconds
        self._stderr_tail = b""
        self._child: subprocess.Popen[bytes] | None = None
        self.ended = False
        self.trouble = ""
        # Nothing of the caller's environment: variables such as ZSTD_CLEVEL would change what a program does.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        try:
            self._child = subprocess.Popen(
                list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
            )
        except OSError as error:
            self._finish(f"could not be run: {error.strerror}")
            return
        # Popen makes all three, which its type does not say.
        self._stdin: IO[bytes] = self._child.stdin  # type: ignore[assignment]
        self._stdout: IO[bytes] = self._child.stdout  # type: ignore[assignment]
        self._stderr: IO[bytes] = self._child.stderr  # type: ignore[assignment]
        self._poll = select.poll()
        for pipe in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(pipe.fileno(), False)
            # An unprivileged user may not have pipes of this size.
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_SIZE)
        for pipe in (self._stdout, self._stderr):
            self._poll.register(pipe, select.POLLIN)

    def __enter__(self) -> Filter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def exchange(self, data: bytes | memoryview) -> tuple[int, bytes]:
        """Wait until the program takes some of `data` or gives output; return how many bytes it took, and the output.

        With no `data`, wait for output or for the end. Input for a program that no longer reads is dropped.
        """
        while not self.ended:
            if data and self._stdin.closed:
                return len(data), b""
            if data:
                self._poll.register(self._stdin, select.POLLOUT)
            elif not self._stdin.closed:
                with contextlib.suppress(KeyError):
                    self._poll.unregister(self._stdin)
            ready = {descriptor for descriptor, _ in self._poll.poll(self._idle_seconds * 1000)}
            if not ready:
                self._finish(f"did nothing for {self._idle_seconds:.0f} s")
                break
            if self._stderr.fileno() in ready and not self._read_stderr():
                self._poll.unregister(self._stderr)
            taken = self._write(data) if data and self._stdin.fileno() in ready else 0
            output = self._read() if self._stdout.fileno() in ready else b""
            if taken or output:
                return taken, output
        return len(data), b""

    def close_input(self) -> None:
        """Tell the program that there is no more input."""
        if self._child is not None and not self._stdin.closed:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._stdin)
            self._stdin.close()

    def close(self) -> None:
        """Kill the program if it still runs."""
        self._finish("was ended")

    def _write(self, data: bytes | memoryview) -> int:
        try:
            return os.write(self._stdin.fileno(), data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            self.close_input()
            return len(data)

    def _read(self) -> bytes:
        output = os.read(self._stdout.fileno(), _READ_SIZE)
        if not output:
            self._finish("")
        return output

    def _read_stderr(self) -> bytes:
        part = os.read(self._stderr.fileno(), _STDERR_KEPT)
        self._stderr_tail = (self._stderr_tail + part)[-_STDERR_KEPT:]
        return part

    def _finish(self, trouble: str) -> None:
        """Wait for the program, or kill it because of `trouble`, and say how it ended."""
        if self.ended:
            return
        self.ended = True
        if self._child is None:
            self.trouble = f"`{self._name}` {trouble}"
            return
        self.close_input()
        if not trouble:
            try:
                self._child.wait(self._idle_seconds)
            except subprocess.TimeoutExpired:
                trouble = f"did not end within {self._idle_seconds:.0f} s"
        if trouble:
            self._child.kill()
        status = self._child.wait()
        with contextlib.suppress(BlockingIOError):
            while self._read_stderr():
                pass
        self._stdout.close()
        self._stderr.close()
        if trouble:
            self.trouble = f"`{self._name}` {trouble}"
        elif status:
            lines = [line.strip() for line in self._stderr_tail.decode("utf-8", "replace").splitlines()]
            last = next((line for line in reversed(lines) if line), "")
            self.trouble = f"`{self._name}` {process.ended_by(status)}" + (f": {last}" if last else "")
