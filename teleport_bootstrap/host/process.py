"""Run other programs."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap import escaping

# In the environment of every program, because some messages are parsed.
_ENGLISH = {"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}


@dataclass(frozen=True)
class Finished:
    """A program that has ended, could not be run (`status` 127), or took too long (`status` 124)."""

    argv: tuple[str, ...]
    status: int
    output: str
    errors: str

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0

    def describe(self) -> str:
        """Return one line: the command, how it ended, and the last line of its output."""
        lines = [line.strip() for line in (self.errors or self.output).splitlines() if line.strip()]
        return f"`{' '.join(self.argv)}` {self.ending}" + (f": {escaping.one_line(lines[-1])}" if lines else "")

    @property
    def ending(self) -> str:
        """How it ended, as the rest of a sentence that begins with its name."""
        if self.status in (124, 127):
            return "did not end in time" if self.status == 124 else "could not be run"
        return ended_by(self.status)


@dataclass(frozen=True)
class Excerpt:
    """The first part of a program's output; `cut` says whether there was more, `trouble` what failed."""

    text: str
    cut: bool = False
    trouble: str = ""


def ended_by(status: int) -> str:
    """Return how a program ended, as the rest of a sentence; a negative `status` is the number of a signal."""
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def run(
    argv: Sequence[str],
    *,
    timeout_seconds: float,
    environ: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    ids: tuple[int, int] | None = None,
    pass_fds: tuple[int, ...] = (),
) -> Finished:
    """Run `argv` without a shell; return how it ended, never raise.

    The locale is English, because some messages are parsed. A program that runs longer than `timeout_seconds` is
    killed. Escape sequences for terminals are removed from what it prints. `environ` is the rest of its environment, by
    default that of this process. `stdin` is its standard input. `ids` are the user and the group that it runs as,
    without any other group. `pass_fds` are descriptors that it gets.
    """
    more: dict[str, Any] = {} if ids is None else {"user": ids[0], "group": ids[1], "extra_groups": []}
    more["pass_fds"] = pass_fds
    environment = {**(os.environ if environ is None else environ), **_ENGLISH}
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, check=False, timeout=timeout_seconds, env=environment, **more
        )
    except subprocess.TimeoutExpired:
        return Finished(tuple(argv), 124, "", f"no end after {timeout_seconds:.0f} s")
    except OSError as error:
        return Finished(tuple(argv), 127, "", error.strerror or str(error))
    output, messages = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    # Some color their messages also without a terminal; here is where all of them come in.
    plain = escaping.without_sequences
    return Finished(tuple(argv), done.returncode, plain(output), plain(messages))


def excerpt(argv: Sequence[str], *, most_bytes: int, timeout_seconds: float) -> Excerpt:
    """Run `argv` without input, and return whole lines of its output, at most `most_bytes`; never raise.

    A program that prints more, or takes longer, is killed; its output until then is returned.
    """
    deadline = time.monotonic() + timeout_seconds
    nowhere = subprocess.DEVNULL
    try:
        started = subprocess.Popen(
            argv, stdin=nowhere, stdout=subprocess.PIPE, stderr=nowhere, env={**os.environ, **_ENGLISH}
        )
    except OSError as error:
        return Excerpt("", trouble=f"`{argv[0]}` could not be run: {error.strerror}")
    with started:
        try:
            data, ended = _read(started, most_bytes, deadline)
        finally:
            started.kill()
    if ended:
        status = started.returncode
        trouble = f"`{argv[0]}` {ended_by(status)}" if status > 0 and not data else ""
        return Excerpt(data.decode("utf-8", "replace"), trouble=trouble)
    # Half a line could be half a secret, which redaction would not recognize.
    whole = data[: data.rfind(b"\n") + 1].decode("utf-8", "replace")
    return Excerpt(whole, cut=True, trouble="" if len(data) > most_bytes else f"`{argv[0]}` did not end in time")


def _read(started: subprocess.Popen[bytes], most_bytes: int, deadline: float) -> tuple[bytearray, bool]:
    """Return the output, and whether the program has ended, so that the output is complete."""
    assert started.stdout is not None  # noqa: S101 - it is a pipe
    pipe, data = started.stdout.fileno(), bytearray()
    while len(data) <= most_bytes:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return data, False
        part = os.read(pipe, 65536)
        if not part:
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(max(0.1, deadline - time.monotonic()))
            return data, started.returncode is not None
        data += part
    return data, False
