"""No core dump of this process, which holds secrets in its memory, and none of its children."""

from __future__ import annotations

import _ctypes  # what `ctypes` is made of, in a quarter of its time
import contextlib
import os
import resource

# prctl(2)
_PR_SET_DUMPABLE = 4


def prevent() -> None:
    """Let neither a crash nor a signal write this process's memory to a file.

    The limit is inherited by children, but holds for files only. Where the kernel gives dumps to a program instead,
    such as systemd-coredump, a process is left out that is not dumpable. Then its files in /proc belong to root: that
    is for root alone, whom it does not hinder.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.geteuid() == 0:
        with contextlib.suppress(OSError, AttributeError):
            program = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # this process itself
            _ctypes.call_function(_ctypes.dlsym(program, "prctl"), (_PR_SET_DUMPABLE, 0, 0, 0, 0))
