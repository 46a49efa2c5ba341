"""Time that only moves from one event to the next, hosts that live in it, and services that limit requests.

A host is a generator: it yields a number to sleep so many seconds, or a Request, whose answer it is sent. All that is
random comes from one seeded generator, so that a run can be repeated.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, Union

from teleport_bootstrap.host import clock as clocks

OK = "ok"
THROTTLED = "throttled"
ABSENT = "absent"


class Bucket:
    """A limit of `rate` requests a second, as EC2 describes its own: a bucket of tokens that refills evenly.

    A refused request takes no token, unless `counts_refused`: then it takes what is there.
    """

    def __init__(self, rate: float, burst: float | None = None, *, counts_refused: bool = False) -> None:
        self.rate = rate
        self._burst = rate if burst is None else burst
        self._tokens = self._burst
        self._at = 0.0
        self._counts_refused = counts_refused

    def take(self, now: float, tokens: float = 1.0) -> bool:
        """Whether a request at `now` is granted; `now` never decreases."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        # A sum of many small numbers may lack the last bit of one.
        if self._tokens >= tokens - 1e-9:
            self._tokens -= tokens
            return True
        if self._counts_refused:
            self._tokens = max(-self._burst, self._tokens - tokens)
        return False


@dataclass(frozen=True)
class Request:
    """One call; `answer` says at the moment when it arrives what the service answers."""

    answer: Callable[[float], str]


Host = Generator[Union[float, Request], Any, None]


@dataclass
class Counts:
    """What happened: the moments at which hosts had joined, all calls, and those that were refused or of no use."""

    joined: list[float] = field(default_factory=list)
    calls: int = 0
    throttled: int = 0
    absent: int = 0
    # Runs of a service or script that ended with an error.
    failed_runs: int = 0
    # Hosts that will not ask again.
    lost: int = 0


class World:
    """The hosts, the time, and what is counted. `latency_seconds` is how long a call takes."""

    def __init__(self, seed: int, *, latency_seconds: float = 0.04) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.counts = Counts()
        self.clock = clocks.Clock(
            monotonic=lambda: self.now, wall=lambda: self.now, sleep=_never, chance=self.random.random
        )
        self._latency = latency_seconds
        self._events: list[tuple[float, int, Host, Any]] = []
        self._number = itertools.count()

    def run(self, hosts: Iterable[Host], *, until: float) -> None:
        """Let the hosts live until each has ended, or the time is `until`."""
        for host in hosts:
            self._push(0.0, host, None)
        while self._events:
            at, _, host, answer = heapq.heappop(self._events)
            if at > until:
                return
            self.now = at
            try:
                wanted = host.send(answer)
            except StopIteration:
                continue
            if isinstance(wanted, Request):
                self._push(self._latency, host, self._ask(wanted))
            else:
                self._push(wanted, host, None)

    def _ask(self, request: Request) -> str:
        answer = request.answer(self.now)
        self.counts.calls += 1
        self.counts.throttled += answer == THROTTLED
        self.counts.absent += answer == ABSENT
        return answer

    def _push(self, seconds: float, host: Host, answer: Any) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._number), host, answer))


def _never(seconds: float) -> None:
    raise AssertionError("hosts yield their pauses")
