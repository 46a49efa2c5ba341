"""Being told to end while something is half done: cleaned up first."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Optional

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Ended(SystemExit):
    """The process was told to end by a signal; its status is the one that a shell gives for that."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


@contextlib.contextmanager
def as_exception() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise Ended in the body, once, so that its `finally` and `with` have their turn.

    What somebody else has done with a signal (ignored it, or this very thing further out) stays as it is; SIGINT raises
    KeyboardInterrupt anyway. Outside the main thread this does nothing: Python delivers no signals there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: Optional[FrameType]) -> None:  # noqa: ARG001
        for each in ours:
            # Whoever is impatient must not interrupt the cleaning; SIGKILL is still there.
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
