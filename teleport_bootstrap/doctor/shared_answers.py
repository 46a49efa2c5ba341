"""What several checks ask for is read once, by the first of them; the others wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.host import time_limit

_T = TypeVar("_T")


class _Once:
    """Something that is read once: a value, or the error that reading it raised."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_read = False
        self.value: Any = None
        self.error: Exception | None = None


class SharedAnswers:
    """What is known so far. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[Hashable, _Once] = {}

    def get(self, what: Hashable, read: Callable[[], _T]) -> _T:
        """Return what `read` returns; it is called once for all who ask for `what`, and raises its error for each.

        Raises Skipped where another thread is still reading it when the time limit of this one ends.
        """
        with self._lock:
            found = self._all.setdefault(what, _Once())
        left = time_limit.remaining()
        if not found.lock.acquire(timeout=min(left, threading.TIMEOUT_MAX)):
            raise Skipped("another check has waited for the same answer, and it did not come in time")
        try:
            if not found.is_read:
                try:
                    found.value = read()
                except Exception as error:
                    found.error = error
                found.is_read = True
        finally:
            found.lock.release()
        if found.error is not None:
            raise found.error
        value: _T = found.value
        return value
