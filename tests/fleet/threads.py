"""Simulated time for code that sleeps by itself: each caller is a thread, and only one of them runs at a time."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable

from teleport_bootstrap.host import clock


class SimulatedTime:
    """Runs functions side by side in a time of their own, in which only sleeping takes any."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._count = 0
        self._idle = threading.Semaphore(0)

    def clock(self, chance: Callable[[], float] = lambda: 0.5) -> clock.Clock:
        """Return a clock of this time; `chance` is its chance."""
        return clock.Clock(monotonic=lambda: self.now, sleep=self.sleep, chance=chance, wall=lambda: self.now)

    def sleep(self, seconds: float) -> None:
        """Let the others run until this caller's time has come."""
        self.slept.append(seconds)
        self._park(seconds)

    def _park(self, seconds: float) -> None:
        wakened = threading.Event()
        self._count += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, wakened))
        self._idle.release()
        wakened.wait()

    def run(self, functions: list[Callable[[], None]]) -> None:
        """Run all functions, and return when each has ended."""

        def body(function: Callable[[], None]) -> None:
            self._park(0.0)
            try:
                function()
            finally:
                self._idle.release()

        for function in functions:
            threading.Thread(target=body, args=(function,), daemon=True).start()
            self._idle.acquire()
        while self._sleepers:
            self.now, _, wakened = heapq.heappop(self._sleepers)
            wakened.set()
            self._idle.acquire()
