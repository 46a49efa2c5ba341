"""Clean up before a signal ends the process."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

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
    ours = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        for each in ours:
            # A second signal must not interrupt the cleanup; SIGKILL still can.
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    with _handled(ours, end):
        yield


def uninterrupted() -> contextlib.AbstractContextManager[None]:
    """Ignore Ctrl-C in the body; the other signals raise Ended only once."""
    return _handled([signal.SIGINT], signal.SIG_IGN)


@contextlib.contextmanager
def _handled(numbers: Sequence[signal.Signals], handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, earlier in before:
            signal.signal(number, earlier)
