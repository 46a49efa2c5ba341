"""Signals that the caller ignores or blocks, as `nohup ./dev test` and a background job do, are not for what is tested.

An ignored or a blocked signal stays so in each program that is started. The tests' own process still ignores what its
caller ignored, by a handler that does nothing: the programs that it starts have the default action again.
"""

from __future__ import annotations

import os
import signal

# The workers of pytest-xdist inherit no handler, so they are told by name.
_VARIABLE = "TELEPORT_BOOTSTRAP_TESTS_IGNORE"

# The interpreter ignores these itself, and `subprocess` resets them.
_OF_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}


def reset_inherited() -> None:
    """Give every signal its default action in the programs that this process starts."""
    ignored = {int(number) for number in os.environ.get(_VARIABLE, "").split()}
    ignored |= {number for number in signal.valid_signals() - _OF_PYTHON if signal.getsignal(number) is signal.SIG_IGN}
    for number in ignored:
        # Ignored, SIGCHLD makes the kernel forget how a process ended; by default it does nothing.
        signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else _nothing)
    if ignored:
        os.environ[_VARIABLE] = " ".join(str(int(number)) for number in sorted(ignored))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _nothing(*_: object) -> None:
    """Leave the process as it is."""
