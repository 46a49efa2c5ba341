"""Asking again, at random moments, as long as somebody cannot go on without a certificate."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from teleport_bootstrap import errors
from teleport_bootstrap.host import retry

# An auth server needs a minute or two to obtain one; a fleet of proxies should not ask for it all at once.
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 60.0

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def another_host(attempt: Callable[[], Result], *, is_at_work: Callable[[Result], bool], seconds: float) -> Result:
    """Return what `attempt` returns, called again for up to `seconds` while that says that another host is at work.

    It may have died with the lock in hand: then somebody has to take over as soon as that ends, since proxies wait.
    Raises what `attempt` raises.
    """
    last: list[Result] = []

    def once() -> Result:
        last[:] = [attempt()]
        if is_at_work(last[0]):
            raise retry.Again("another host is at work")
        return last[0]

    try:
        return retry.until(retry.Deadline(seconds), once, first=_first_pause(seconds), longest=LONGEST_PAUSE_SECONDS)
    except retry.DeadlinePassed:
        return last[0]


def _first_pause(seconds: float) -> float:
    return min(FIRST_PAUSE_SECONDS, max(seconds / 10, 0.1))


class _StillAwaited(retry.Again):
    def __init__(self, error: errors.CertificatePending) -> None:
        super().__init__(error.message)
        self.hint = error.hint


def certificate(attempt: Callable[[], Result], *, seconds: float) -> Result:
    """Return what `attempt` returns, called again for up to `seconds` while it raises CertificatePending.

    Raises CertificatePending after that, and at once whatever else `attempt` raises.
    """
    told: set[str] = set()

    def once() -> Result:
        try:
            return attempt()
        except errors.CertificatePending as error:
            if seconds and error.message not in told:
                told.add(error.message)
                logger.warning("%s; trying again for up to %.0f s", error.message, seconds)
            raise _StillAwaited(error) from None

    try:
        return retry.until(
            retry.Deadline(seconds),
            once,
            first=_first_pause(seconds),
            longest=LONGEST_PAUSE_SECONDS,
        )
    except retry.DeadlinePassed as passed:
        hint = passed.last.hint if isinstance(passed.last, _StillAwaited) else ""
        raise errors.CertificatePending(f"{passed.last.reason} ({passed.effort()})", hint=hint) from None
