"""Shows what a command waits for: a line on a terminal with the time that has passed, otherwise log messages."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from teleport_bootstrap import log
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import last_line, output

logger = log.Logger(__name__)

# Shorter waits are not worth a line.
SHORT_SECONDS = 2.0
EVERY_SECONDS = 1.0


class Underway:
    """What is under way; `because` says how it stands."""

    def __init__(self, what: str, seconds: float | None, clock: clocks.Clock) -> None:
        self._what = what
        self._seconds = seconds
        self._clock = clock
        self._began = clock.monotonic()
        self._reason = ""

    def because(self, reason: str) -> None:
        """Say how it stands, or why it takes time."""
        self._reason = reason

    @property
    def passed(self) -> float:
        """How many seconds have passed."""
        return self._clock.monotonic() - self._began

    def text(self) -> str:
        """Return the line: `waiting for SSM, 12 s of 60 s: connection refused`."""
        of = f" of {duration(self._seconds)}" if self._seconds else ""
        return f"{self._what}, {duration(self.passed)}{of}" + (f": {self._reason}" if self._reason else "")


@contextlib.contextmanager
def displayed(what: str, seconds: float | None = None, *, clock: clocks.Clock = clocks.SYSTEM) -> Iterator[Underway]:
    """Show that `what` is under way while the body runs, for at most `seconds` where that is known.

    Where that takes longer than a moment, a terminal shows it with the time, and a log message says at the end how long
    it took. Of an error of the body, its own message says that.
    """
    found = Underway(what, seconds, clock)
    is_drawn = output.is_terminal() and threading.current_thread() is threading.main_thread()
    with _ticking(found) if is_drawn else contextlib.nullcontext():
        yield found
    if found.passed >= SHORT_SECONDS:
        logger.info("%s took %s", what, duration(found.passed))


@contextlib.contextmanager
def _ticking(found: Underway) -> Iterator[None]:
    before = last_line.drawn()
    ended = threading.Event()

    def tick() -> None:
        pause = SHORT_SECONDS
        while not ended.wait(pause):
            pause = EVERY_SECONDS
            try:
                output.redraw(found.text())
            except (OSError, ValueError):  # the terminal has been closed: work on without it
                return

    ticker = threading.Thread(target=tick, name="underway", daemon=True)
    try:
        ticker.start()
    except RuntimeError:  # no more threads: then without the line
        yield
        return
    try:
        yield
    finally:
        ended.set()
        ticker.join()
        if last_line.drawn() != before:
            with contextlib.suppress(OSError, ValueError):
                output.redraw(before)


def duration(seconds: float) -> str:
    """Return a duration as text: 38 s, 4 min 05 s, 2 h 07 min."""
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
