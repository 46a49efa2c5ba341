"""Retries, at random intervals, while something that Teleport or another host waits for is pending."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from teleport_bootstrap import errors
from teleport_bootstrap.host import retry

# An auth server needs a minute or two to publish or to obtain; a fleet should not ask for it all at once.
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 60.0

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class _Pending(retry.Again):
    def __init__(self, error: errors.BootstrapError) -> None:
        super().__init__(error.message)
        self.hint = error.hint


def retry_error(attempt: Callable[[], Result], error_class: type[errors.BootstrapError], *, seconds: float) -> Result:
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
            raise _Pending(error) from None

    try:
        return _until(once, seconds)
    except retry.DeadlinePassed as passed:
        hint = passed.last.hint if isinstance(passed.last, _Pending) else ""
        raise error_class(f"{passed.last.reason} ({passed.effort()})", hint=hint) from None


def retry_result(attempt: Callable[[], Result], is_pending: Callable[[Result], bool], *, seconds: float) -> Result:
    """Return what `attempt` returns or raises, called again for up to `seconds` while `is_pending` says so."""
    last: list[Result] = []

    def once() -> Result:
        last[:] = [attempt()]
        if is_pending(last[0]):
            raise retry.Again("still pending")
        return last[0]

    try:
        return _until(once, seconds)
    except retry.DeadlinePassed:
        return last[0]


def _until(attempt: Callable[[], Result], seconds: float) -> Result:
    first = min(FIRST_PAUSE_SECONDS, max(seconds / 10, 0.1))
    return retry.until(retry.Deadline(seconds), attempt, first=first, longest=LONGEST_PAUSE_SECONDS)
