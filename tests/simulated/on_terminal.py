"""The real command on a real pseudo-terminal of a chosen width: what it writes, and what the screen then shows."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from tests.simulated.agent import Agent

# Colors and their end. Anything else that moves the cursor is not expected in a result.
_MARKS = re.compile(r"\x1b(?:\[[0-9;]*m|\(B)")


@dataclass(frozen=True)
class Shown:
    """How the command ended, and all that the terminal got of it, with `\\n` at the ends of lines."""

    status: int
    raw: str

    @property
    def text(self) -> str:
        """What was shown, without colors."""
        return _MARKS.sub("", self.raw)


def run(
    agent: Agent,
    *arguments: str,
    columns: int = 80,
    rows: int = 50,
    environ: Optional[dict[str, str]] = None,
    meanwhile: Optional[Callable[[Session], None]] = None,
    prefix: tuple[str, ...] = (),
    timeout: float = 90.0,
) -> Shown:
    """Run the command with a pseudo-terminal for its three streams; `meanwhile` types into it and looks at it."""
    command = [*prefix, *agent.command(*arguments)]
    session = Session(command, {**agent.environment(), **(environ or {})}, str(agent.root), columns, rows)
    try:
        if meanwhile is not None:
            meanwhile(session)
        return session.ended(timeout)
    finally:
        session.close()


class Session:
    """A command on a terminal."""

    def __init__(self, command: list[str], environ: dict[str, str], cwd: str, columns: int, rows: int) -> None:
        self.ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command,
            env={"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environ},
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=own_terminal,  # noqa: PLW1509 - Ctrl-C reaches it as on a terminal of its own
            pass_fds=(theirs,),
        )
        os.close(theirs)
        self.raw = b""

    def type(self, text: str) -> None:
        """Type `text`, such as `y\\n`; `\\x03` is Ctrl-C."""
        os.write(self.ours, text.encode())

    def read(self, seconds: float = 0.1) -> bool:
        """Read what the command has written within `seconds`; False where it has closed the terminal."""
        ready, _, _ = select.select([self.ours], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.ours, 65536)
        except OSError:  # all of it is closed on the other side
            return False
        self.raw += data
        return bool(data)

    def wait_for(self, text: str, *, times: int = 1, timeout: float = 30.0) -> None:
        """Read until `text` has been written that often."""
        until = time.monotonic() + timeout
        while self.raw.decode("utf-8", "replace").count(text) < times:
            assert time.monotonic() < until, self.raw.decode("utf-8", "replace")
            assert self.read(), self.raw.decode("utf-8", "replace")

    def ended(self, timeout: float) -> Shown:
        """Read the rest."""
        until = time.monotonic() + timeout
        while self.read():
            assert time.monotonic() < until, self.raw.decode("utf-8", "replace")
        status = self.process.wait(timeout=max(1.0, until - time.monotonic()))
        return Shown(status, self.raw.decode("utf-8").replace("\r\n", "\n"))

    def close(self) -> None:
        """End what is left of it."""
        with contextlib.suppress(OSError):
            os.close(self.ours)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
