"""Run other programs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional


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
        return f"`{' '.join(self.argv)}` {self.ending}" + (f": {lines[-1]}" if lines else "")

    @property
    def ending(self) -> str:
        """How it ended, as the rest of a sentence that begins with its name."""
        if self.status == 127:
            return "could not be run"
        if self.status == 124:
            return "did not end in time"
        if self.status < 0:
            return f"was ended by {signal.Signals(-self.status).name}"
        return f"ended with status {self.status}"


def run(
    argv: Sequence[str],
    *,
    timeout_seconds: float,
    environ: Optional[Mapping[str, str]] = None,
    stdin: bytes = b"",
    ids: Optional[tuple[int, int]] = None,
) -> Finished:
    """Run `argv` without a shell; return how it ended, never raise.

    The locale is English, because some messages are parsed. A program that runs longer than `timeout_seconds` is
    killed. `environ` is the rest of its environment, by default that of this process. `stdin` is its standard input.
    `ids` are the user and the group that it runs as, without any other group.
    """
    account: dict[str, Any] = {} if ids is None else {"user": ids[0], "group": ids[1], "extra_groups": []}
    inherited = os.environ if environ is None else environ
    environment = {**inherited, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=timeout_seconds,
            env=environment,
            **account,
        )
    except subprocess.TimeoutExpired:
        return Finished(tuple(argv), 124, "", f"no end after {timeout_seconds:.0f} s")
    except OSError as error:
        return Finished(tuple(argv), 127, "", error.strerror or str(error))
    return Finished(
        tuple(argv),
        done.returncode,
        done.stdout.decode("utf-8", "replace"),
        done.stderr.decode("utf-8", "replace"),
    )
