"""Runs the agent at a pseudo-terminal, as an operator sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence

from tests.simulated.agent import Agent


def at_terminal(
    agent: Agent, *arguments: str, answers: Sequence[str] = (), columns: int = 100, seconds: float = 60.0
) -> tuple[int, str]:
    """Run the command on a terminal, type `answers` as it asks, and return its status and what was sent there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**agent.environment(), "TERM": "xterm"}
    process = subprocess.Popen(
        agent.command(*arguments), env=environment, cwd=agent.root, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown, waiting, end = b"", list(answers), time.monotonic() + seconds
    while time.monotonic() < end:
        readable, _, _ = select.select([ours], [], [], 1.0)
        try:
            shown += os.read(ours, 65536) if readable else b""
        except OSError:  # the other end is closed
            break
        if waiting and shown.endswith(b"[y/N] "):
            os.write(ours, waiting.pop(0).encode() + b"\n")
    os.close(ours)
    return process.wait(timeout=30), shown.decode()


def screen(sent: str) -> list[str]:
    """Return the lines that a terminal shows after `sent`, with what was drawn over each one."""
    lines: list[str] = []
    for whole in sent.replace("\r\n", "\n").split("\n"):
        line = ""
        for part in whole.replace("\x1b[K", "").split("\r"):
            line = part + line[len(part) :]
        lines.append(line.rstrip())
    return lines
