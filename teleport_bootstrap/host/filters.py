"""Programs that turn a stream of bytes into another one, such as zstd."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import time
from collections.abc import Sequence

from teleport_bootstrap import escaping
from teleport_bootstrap.hints import IO
from teleport_bootstrap.host import child as children
from teleport_bootstrap.host import process

_PIPE_SIZE = 1024 * 1024
_READ_SIZE = 1024 * 1024
_STDERR_KEPT = 4096
# What counts as progress: a program that gives a byte now and then would never come to an end.
_LEAST_PROGRESS = 64 * 1024
# For what a killed program leaves in the pipe of its messages, however much that is.
_STDERR_READS = 64
# From linux/fcntl.h; Python has the name since 3.10.
_F_SETPIPE_SZ = 1031


class Filter:
    """A running program that gets its input and gives its output piece by piece.

    A context manager: the program is killed if it still runs at the end of the block. `ended` becomes true when all
    output has been read and the program has exited; `trouble` then says in one line what went wrong, "" for nothing.
    A program is killed for which we have waited `idle_seconds` without progress: 64 KiB taken and given, or its end.
    Nothing raises for what it does.
    """

    def __init__(self, argv: Sequence[str], *, idle_seconds: float) -> None:
        self._name = argv[0]
        self._idle_seconds = idle_seconds
        self._stderr_tail = b""
        self._waited = 0.0
        self._moved = 0
        self._child: subprocess.Popen[bytes] | None = None
        self.ended = False
        self.trouble = ""
        # Nothing of the caller's environment: variables such as ZSTD_CLEVEL would change what a program does.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        try:
            self._child = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
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
        now = time.monotonic()
        while not self.ended:
            if data and self._stdin.closed:
                return len(data), b""
            if data:
                self._poll.register(self._stdin, select.POLLOUT)
            elif not self._stdin.closed:
                with contextlib.suppress(KeyError):
                    self._poll.unregister(self._stdin)
            left = max(0.0, self._idle_seconds - self._waited)
            ready = {descriptor for descriptor, _ in self._poll.poll(left * 1000)}
            began, now = now, time.monotonic()
            self._waited += now - began
            if self._waited >= self._idle_seconds:
                self._finish(f"did {'too little' if self._moved else 'nothing'} for {self._idle_seconds:.0f} s")
                break
            if self._stderr.fileno() in ready and not self._read_stderr():
                self._poll.unregister(self._stderr)
            taken = self._write(data) if data and self._stdin.fileno() in ready else 0
            output = self._read() if self._stdout.fileno() in ready else b""
            if taken or output:
                self._note_progress(taken + len(output))
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

    def _note_progress(self, moved: int) -> None:
        self._moved += moved
        if self._moved >= _LEAST_PROGRESS:
            self._waited, self._moved = 0.0, 0

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
        with contextlib.suppress(BlockingIOError):
            for _ in range(_STDERR_READS):
                if not self._read_stderr():
                    break
        children.end(self._child)
        status = self._child.returncode
        if trouble:
            self.trouble = f"`{self._name}` {trouble}"
        elif status:
            said = escaping.without_sequences(self._stderr_tail.decode("utf-8", "replace"))
            lines = [line.strip() for line in said.splitlines()]
            last = escaping.one_line(next((line for line in reversed(lines) if line), ""))
            self.trouble = f"`{self._name}` {process.ended_by(status)}" + (f": {last}" if last else "")
