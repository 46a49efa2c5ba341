"""Clean up before a signal ends the process."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Optional

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Ended(SystemExit):
    """A signal ended the process; the status is the one that a shell gives for that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


@contextlib.contextmanager
def as_exception() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise Ended in the body, once, so that its `finally` and `with` blocks run.

    A signal that is ignored or handled already stays so; SIGINT raises KeyboardInterrupt anyway. Outside the main
    thread this does nothing: Python delivers no signals there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: Optional[FrameType]) -> None:  # noqa: ARG001
        for each in ours:
            # A second signal must not interrupt the cleanup; SIGKILL still can.
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C in the body; the other signals raise Ended only once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
