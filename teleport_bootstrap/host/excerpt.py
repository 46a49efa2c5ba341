"""Run programs whose output may be too large, such as journalctl."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Excerpt:
    """The first part of a program's output; `cut` says whether there was more, `trouble` what failed."""

    text: str
    cut: bool = False
    trouble: str = ""


def run(argv: Sequence[str], *, most_bytes: int, timeout_seconds: float) -> Excerpt:
    """Run `argv` without input, and return whole lines of its output, at most `most_bytes`; never raise.

    A program that prints more, or takes longer, is killed; its output until then is returned.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    try:
        started = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:
        return Excerpt("", trouble=f"`{argv[0]}` could not be run: {error.strerror}")
    with started:
        try:
            data, ended = _read(started, most_bytes, timeout_seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                started.kill()
    if ended:
        status = started.returncode
        return Excerpt(data.decode("utf-8", "replace"), trouble=_trouble(argv[0], status, data))
    # Half a line could be half a secret, which redaction would not recognize.
    whole = data[: data.rfind(b"\n") + 1]
    in_time = len(data) > most_bytes
    return Excerpt(
        whole.decode("utf-8", "replace"), cut=True, trouble="" if in_time else f"`{argv[0]}` did not end in time"
    )


def _trouble(program: str, status: int, data: bytes) -> str:
    return f"`{program}` ended with status {status}" if status > 0 and not data else ""


def _read(started: subprocess.Popen[bytes], most_bytes: int, timeout_seconds: float) -> tuple[bytes, bool]:
    """Return the output, and whether the program has ended, so that the output is complete."""
    deadline = time.monotonic() + timeout_seconds
    assert started.stdout is not None  # noqa: S101 - it is a pipe
    data = bytearray()
    while len(data) <= most_bytes:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([started.stdout], [], [], left)[0]:
            return bytes(data), False
        part = os.read(started.stdout.fileno(), 65536)
        if not part:
            try:
                started.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                return bytes(data), False
            return bytes(data), True
        data += part
    return bytes(data), False
