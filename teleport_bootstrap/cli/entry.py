"""Where the program begins: what has to be right before anything else is imported.

This module itself imports next to nothing, so that little can happen before it is in charge.
"""

from __future__ import annotations

import gc
import os
import signal
from types import FrameType

from teleport_bootstrap.hints import NoReturn

# Those of `errors`, which cannot be imported where there is no memory for it.
_NO_RESOURCES = 20
_INTERRUPTED = 130
# Python looks for circles among so many new objects, instead of among 700: nearly all of those stay, since they are the
# modules themselves, and each look takes longer.
_OBJECTS = 20_000


def main() -> NoReturn:
    """Run the command line and exit."""
    gc.set_threshold(_OBJECTS)
    _have_own_signals()
    try:
        # After that of the signals, and never at the top.
        from teleport_bootstrap.cli import main as command  # noqa: PLC0415

        run = command.main  # loads that module, and not what it imports: see lazy_imports
        if signal.getsignal(signal.SIGINT) is _interrupted:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        run()
    # What the command itself cannot report, since what that takes cannot be loaded.
    except (MemoryError, OSError, ImportError) as error:
        _end(_NO_RESOURCES, f"the program cannot be loaded: {type(error).__name__}")
    except KeyboardInterrupt:
        _end(_INTERRUPTED, "interrupted")


def _have_own_signals() -> None:
    """Undo what a caller may have arranged for its own children, and end at once on Ctrl-C while nothing has begun.

    With SIGCHLD ignored, the kernel would forget how a child ended, and each would seem to have succeeded.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # One that is ignored, as in a background job of a script, stays ignored. The command as it is installed comes with
    # the system's default.
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_DFL):
        signal.signal(signal.SIGINT, _interrupted)


def _interrupted(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    _end(_INTERRUPTED, "interrupted")


def _end(status: int, why: str) -> NoReturn:
    try:
        os.write(2, f"teleport-bootstrap: {why}\n".encode("utf-8", "backslashreplace"))
    except (OSError, MemoryError):
        pass
    finally:
        os._exit(status)
