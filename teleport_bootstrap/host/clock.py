"""Time and random numbers, which tests replace by a clock of their own."""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Callable

from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class Clock:
    """Where time comes from: `monotonic` counts seconds and never jumps; `wall` is seconds since 1970, if it is right.

    `sleep` waits so many seconds. `chance` returns a number from 0 up to, not including, 1.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = lambda: random.random()  # noqa: PLW0108, S311 - loaded when it is called; no secret


SYSTEM = Clock()

# The limit of each wait for a service, where nothing else says it.
WAIT_SECONDS = 60.0

# The years from 1 to 9999, which Python's calendar has.
_FIRST = -62_135_596_800
_LAST = 253_402_300_799


def calendar(moment: float | None = None) -> datetime.datetime:
    """Return `moment`, in seconds since 1970 and by default now, in UTC; the first or last second where it has none."""
    # A moment that a clock, systemd or a file names may be one that no calendar has.
    moment = min(max(SYSTEM.wall() if moment is None else moment, _FIRST), _LAST)
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)


def iso(moment: float | None = None) -> str:
    """Return `moment`, in seconds since 1970 and by default now, as ISO 8601 in UTC."""
    return calendar(moment).isoformat(timespec="seconds")
