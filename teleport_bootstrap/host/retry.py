"""Retry at random intervals until a deadline.

The pauses use "full jitter": each is anywhere between nothing and a limit that doubles. When an auto scaling group
starts a thousand instances at once, it spreads their second calls over the whole interval, where equal or slightly
shaken pauses would make them collide each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Optional, TypeVar

from teleport_bootstrap.host import clock as clocks

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0

Result = TypeVar("Result")


class Again(Exception):
    """Raised by an attempt that failed and may be repeated; the text says why, without secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DeadlinePassed(Exception):
    """No attempt succeeded in time. Says how many there were, in how many seconds, and why the last one failed."""

    def __init__(self, *, attempts: int, seconds: float, last: Again) -> None:
        self.attempts = attempts
        self.seconds = seconds
        self.last = last
        super().__init__(f"{last.reason} ({self.effort()})")

    def effort(self) -> str:
        """Return the number of attempts and the time, as in `12 attempts in 58 s`."""
        plural = "" if self.attempts == 1 else "s"
        seconds = f"{self.seconds:.1f}" if self.seconds < 10 else f"{self.seconds:.0f}"
        return f"{self.attempts} attempt{plural} in {seconds} s"


class Deadline:
    """A point in time, `seconds` from now, shared by all the steps of one wait."""

    def __init__(self, seconds: float, clock: Optional[clocks.Clock] = None) -> None:
        self.clock = clock or clocks.SYSTEM
        self.seconds = seconds
        self._started = self.clock.monotonic()

    def elapsed(self) -> float:
        """Return the seconds since the deadline was set."""
        return self.clock.monotonic() - self._started

    def remaining(self) -> float:
        """Return the seconds that are left, 0 when it has passed."""
        return max(0.0, self.seconds - self.elapsed())


def limits(*, first: float = FIRST_PAUSE_SECONDS, longest: float = LONGEST_PAUSE_SECONDS) -> Iterator[float]:
    """Yield, without end, the longest pause in seconds before each repetition: doubling up to `longest`."""
    limit = first
    while True:
        yield min(limit, longest)
        limit = min(limit * 2, longest)


def until(
    deadline: Deadline,
    attempt: Callable[[], Result],
    *,
    attempt_seconds: float = 0.0,
    first: float = FIRST_PAUSE_SECONDS,
    longest: float = LONGEST_PAUSE_SECONDS,
) -> Result:
    """Call `attempt` until it returns, and return what it returned.

    It is called at least once, and again each time it raises Again; other exceptions pass through. `attempt_seconds`
    is the longest that one attempt may take: none begins that could end after the deadline.
    Raises DeadlinePassed, with the reason of the last attempt.
    """
    clock = deadline.clock
    for attempts, limit in enumerate(limits(first=first, longest=longest), start=1):
        try:
            return attempt()
        except Again as again:
            last = again
        # A pause must leave time for one more attempt.
        room = deadline.remaining() - attempt_seconds
        if room < first:
            raise DeadlinePassed(attempts=attempts, seconds=deadline.elapsed(), last=last) from None
        clock.sleep(clock.chance() * min(limit, room))
    raise AssertionError("the limits never end")
