"""Retry at random intervals until a deadline.

The pauses use "full jitter": each is anywhere between nothing and a limit that doubles. When an auto scaling group
starts a thousand instances at once, it spreads their second calls over the whole interval, where equal or slightly
shaken pauses would make them collide each time.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable

from teleport_bootstrap import errors, log
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import pacing, underway

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
# An auth server needs a minute or two to publish or to obtain; a fleet should not ask for it all at once.
_PENDING_FIRST_SECONDS = 10.0
_PENDING_LONGEST_SECONDS = 60.0

# The reason for such a wait is logged.
_LONG_SECONDS = 5.0

logger = log.Logger(__name__)

Result = TypeVar("Result")

# Texts of the kernel, the resolver and HTTP libraries, and their meaning; the first match counts.
_SIGNS = (
    ("connection refused", "connection refused"),
    ("connection reset", "connection reset"),
    ("network is unreachable", "network is unreachable"),
    ("no route to host", "no route to host"),
    ("permission denied", "permission denied: this host prohibits the connection"),
    ("operation not permitted", "operation not permitted: this host prohibits the connection"),
    ("address family not supported", "addresses of this kind are not supported here"),
    ("name or service not known|name resolution|no address associated", "the endpoint's name does not resolve"),
    ("could not connect", "could not connect"),
    ("connect timeout|connection to", "no connection within its time limit"),
    ("timeout|timed out", "no answer within its time limit"),
    ("certificate", "the endpoint's certificate is not trusted"),
    ("connection (broken|aborted|was closed)|remote end closed|incompleteread", "the connection broke off"),
)


class Again(Exception):
    """Raised by an attempt that failed and may be repeated; the text says why, without secrets.

    `about` is for the caller of `until`, which finds it in DeadlinePassed. `is_throttled` says that the service
    answers, but takes no more requests at the moment.
    """

    def __init__(self, reason: str, about: Any = None, *, is_throttled: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.about = about
        self.is_throttled = is_throttled


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
    """A point in time, `seconds` from now, shared by all the steps of one wait.

    With a `crowd`, a service that answers that it takes no more requests is waited for longer, as that one says.
    """

    def __init__(self, seconds: float, clock: clocks.Clock | None = None, *, crowd: pacing.Crowd | None = None) -> None:
        self.clock = clock or clocks.SYSTEM
        self.seconds = seconds
        self.crowd = crowd
        self._started = self.clock.monotonic()
        self._length = seconds

    def elapsed(self) -> float:
        """Return the seconds since the deadline was set."""
        return self.clock.monotonic() - self._started

    def remaining(self) -> float:
        """Return the seconds that are left, 0 when it has passed."""
        return max(0.0, self._length - self.elapsed())

    def restart_after(self, pause: float) -> None:
        """Count again from the end of `pause`: the service answers."""
        self._length = max(self._length, self.elapsed() + pause + self.seconds)


def until(
    deadline: Deadline,
    attempt: Callable[[], Result],
    *,
    attempt_seconds: float = 0.0,
    first: float = FIRST_PAUSE_SECONDS,
    longest: float = LONGEST_PAUSE_SECONDS,
    what: str = "",
) -> Result:
    """Call `attempt` until it returns, and return what it returned.

    It is called at least once, and again each time it raises Again; other exceptions pass through. `attempt_seconds`
    is the longest that one attempt may take: none begins that could end after the deadline.
    The limit of the pauses doubles from `first` to `longest`, in seconds. `what` is waited for, such as `an answer of
    SSM`: a wait of more than a few seconds is logged with it at its start.
    Raises DeadlinePassed, with the reason of the last attempt.
    """
    with (
        underway.displayed(f"waiting for {what}", deadline.seconds, clock=deadline.clock) if what else _silent() as wait
    ):
        pauses = pacing.Jitter(first=first, longest=longest)
        return _until(deadline, attempt, attempt_seconds, pauses, what=what, wait=wait)


def _until(
    deadline: Deadline,
    attempt: Callable[[], Result],
    attempt_seconds: float,
    pauses: pacing.Jitter,
    *,
    what: str,
    wait: underway.Underway | None,
) -> Result:
    clock = deadline.clock
    for attempts in itertools.count(1):
        try:
            return attempt()
        except Again as again:
            last = again
        if wait is not None:
            wait.because(last.reason)
        crowd = deadline.crowd if last.is_throttled else None
        left = deadline.remaining() if crowd is None else crowd.remaining()
        if attempts == 1 and what and left > _LONG_SECONDS:
            logger.info("waiting up to %.0f s for %s: %s", left, what, last.reason)
        if crowd is not None:
            pause = crowd.after_throttled()
            if pause is None:
                raise DeadlinePassed(attempts=attempts, seconds=deadline.elapsed(), last=last) from None
            deadline.restart_after(pause)
            clock.sleep(pause)
            continue
        # A pause must leave time for one more attempt.
        room = deadline.remaining() - attempt_seconds
        if room < pauses.first:
            raise DeadlinePassed(attempts=attempts, seconds=deadline.elapsed(), last=last) from None
        clock.sleep(clock.chance() * min(pauses.limit(), room))
    raise AssertionError("the attempts never end")


def while_raised(attempt: Callable[[], Result], error_class: type[errors.BootstrapError], *, seconds: float) -> Result:
    """Return what `attempt` returns, called again for up to `seconds` while it raises `error_class`.

    Each reason is logged once. Raises `error_class` after that, and at once whatever else `attempt` raises.
    """
    reported: set[str] = set()

    def once() -> Result:
        try:
            return attempt()
        except error_class as error:
            if seconds and error.message not in reported:
                reported.add(error.message)
                logger.warning("%s; trying again for up to %.0f s", error.message, seconds)
            raise Again(error.message, error.hint) from None

    try:
        return _until_published(once, seconds)
    except DeadlinePassed as passed:
        raise error_class(str(passed), hint=passed.last.about) from None


def while_pending(attempt: Callable[[], Result], is_pending: Callable[[Result], bool], *, seconds: float) -> Result:
    """Return what `attempt` returns or raises, called again for up to `seconds` while `is_pending` says so."""
    last: list[Result] = []

    def once() -> Result:
        last[:] = [attempt()]
        if is_pending(last[0]):
            raise Again("still pending")
        return last[0]

    try:
        return _until_published(once, seconds)
    except DeadlinePassed:
        return last[0]


def _until_published(attempt: Callable[[], Result], seconds: float) -> Result:
    pauses = pauses_until_published(seconds)
    with underway.displayed("waiting for what is not published yet", seconds) if seconds else _silent() as wait:
        return _until(Deadline(seconds), attempt, 0.0, pauses, what="", wait=wait)


def pauses_until_published(seconds: float) -> pacing.Jitter:
    """Return the pauses of a wait, `seconds` long, for what another host publishes."""
    return pacing.Jitter(first=min(_PENDING_FIRST_SECONDS, max(seconds / 10, 0.1)), longest=_PENDING_LONGEST_SECONDS)


def _silent() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def reason(error: BaseException) -> str:
    """Return why the exchange with an HTTP server failed.

    The text of the exception is never repeated: it names objects in memory, and may contain the request.
    """
    text = str(error).lower()
    found: str | None = next((meaning for sign, meaning in _SIGNS if re.search(sign, text)), None)
    return found or f"the exchange failed ({type(error).__name__})"
