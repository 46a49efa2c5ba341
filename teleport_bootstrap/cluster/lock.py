"""One auth server of a cluster at a time: a lease on an item in DynamoDB that old and new images share.

What makes two holders at once impossible:

- The item is only ever replaced where it is exactly what was read a moment before, so of all who want it one gets it.
  A write whose answer was lost, or that arrives late, changes nothing that somebody else has written since.
- It is taken from another host only after the time that the item names, by AWS's own clock, which each answer tells.
  Older images go by their own clock. AWS refuses a request that was signed by a clock more than five minutes off
  (Signature Version 4), so theirs is not further ahead than that.
- The holder stops to believe in its lease MARGIN_SECONDS before that time, counted from before the request was sent by
  a clock that nobody sets and that goes on while the machine is suspended. A renewal counts only once it is confirmed.
- On one host, a file lock lets in one process. It is needed because the item names no more than the host, whose next
  process takes over what a killed one has left. Two hosts of one name would do the same to each other: the name is the
  private DNS name, which a VPC has once.

A host that dies keeps the others out for LEASE_SECONDS at most.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Optional

from teleport_bootstrap import errors, paths
from teleport_bootstrap.cluster import lock_item
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import lock as host_lock
from teleport_bootstrap.host import retry

NAME = "cluster.lock"

# How far ahead of AWS's the clock of a host may be that can still make requests.
MARGIN_SECONDS = 300.0
LEASE_SECONDS = 900.0
RENEW_SECONDS = 60.0
REQUEST_SECONDS = 30.0

logger = logging.getLogger(__name__)


def _since_boot() -> float:
    """Return seconds since the machine was booted, those in which it was suspended included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


CLOCK = clocks.Clock(monotonic=_since_boot)


@dataclass(frozen=True)
class Terms:
    """For how long the lock is taken at once, how long before its end it is given up, and how often it is renewed.

    `request_seconds` is for one request about it, with its repetitions.
    """

    lease_seconds: float = LEASE_SECONDS
    margin_seconds: float = MARGIN_SECONDS
    renew_seconds: float = RENEW_SECONDS
    request_seconds: float = REQUEST_SECONDS


TERMS = Terms()


class Lease:
    """The lock, held here. It is renewed in the background; ask `check` before each step that cannot be undone."""

    def __init__(
        self,
        table: lock_item.Table,
        item: lock_item.Item,
        moment: lock_item.Moment,
        *,
        terms: Terms,
        clock: clocks.Clock,
    ) -> None:
        """Begin with `item`, which the table held at `moment`."""
        self._table = table
        self._item = item
        self._moment = moment
        self._until = _certain_until(item, moment, terms)
        self._terms = terms
        self._clock = clock
        self._written = [item]
        self._lost = ""
        self._guard = threading.Lock()

    def remaining(self) -> float:
        """Return for how many seconds it is certain that nobody else holds the lock; 0 once it is lost."""
        with self._guard:
            left = self._until - self._clock.monotonic()
            if left <= 0 and not self._lost:
                self._lost = "its renewal was not confirmed in time"
            return 0.0 if self._lost else left

    def check(self, seconds: float = 0.0) -> None:
        """Raise LeaseLost unless the lock is certain to be held for `seconds` more, which is what a step may take."""
        left = self.remaining()
        if left > seconds:
            return
        why = self._lost or f"it is certain for {left:.0f} s only, and what follows may take {seconds:.0f} s"
        raise errors.LeaseLost(
            f"the lock of this cluster's auth servers is lost: {why}",
            hint="The work was stopped before its next step, and the next run does it again, here or on another host. "
            "Look whether DynamoDB can be reached from here.",
        )

    def renew(self) -> None:
        """Hold it for another full term. Raises LeaseLost, and what the table raises, after which it is as it was.

        Only one thread may call this and `release`.
        """
        self.check()
        ends = max(_expires(self._moment, self._clock.monotonic(), self._terms), self._item.ends or 0)
        after = lock_item.Item(str(ends), self._item.process)
        if after == self._item:
            return
        self._written.append(after)
        seconds = min(self._terms.request_seconds, self.remaining())
        answer = self._table.replace(self._item, after, seconds=seconds)
        if answer.done:
            self._confirm(after, answer.moment)
            return
        answer = self._table.read(seconds=seconds)
        if answer.item is None or answer.item not in self._written:
            self._lose("nobody holds it any more" if answer.item is None else f"{answer.item.process} has taken it")
        else:
            # One of our own writes was made though its answer did not arrive.
            self._confirm(answer.item, answer.moment)

    def release(self) -> None:
        """Let others have it; an item that is not ours any more stays as it is. Raises what the table raises."""
        with self._guard:
            self._lost = self._lost or "it was released"
        if self._table.remove(self._item, seconds=self._terms.request_seconds).done:
            return
        found = self._table.read(seconds=self._terms.request_seconds).item
        if found is not None and found in self._written:
            self._table.remove(found, seconds=self._terms.request_seconds)

    def _confirm(self, item: lock_item.Item, moment: lock_item.Moment) -> None:
        with self._guard:
            self._item, self._moment = item, moment
            self._until = _certain_until(item, moment, self._terms)
        self.check()

    def _lose(self, why: str) -> None:
        with self._guard:
            self._lost = self._lost or why
        self.check()


@contextlib.contextmanager
def held(
    client: Any,
    *,
    root: paths.Root,
    table: str,
    process: str,
    deadline_seconds: float = 0.0,
    renew: Optional[Callable[[], None]] = None,
    terms: Terms = TERMS,
) -> Iterator[Lease]:
    """Hold the lock of the cluster's auth servers while the body runs.

    `client` is a botocore client for dynamodb, `renew` gets fresh credentials when AWS calls those in use expired,
    `table` is TELEPORT_LOCKS_TABLE_NAME, and `process` the name of this host in it: see `cluster.host_name`. `where`
    is the root whose state directory keeps a second process of this host out. The body must call `lease.check()`
    before each step that cannot be undone.

    Raises ClusterLockHeld, naming the holder, where somebody else keeps it for longer than `deadline_seconds`, LockBusy
    where that is another process of this host, LeaseLost from `check`, and what AWS's refusals are raised as.
    """
    with host_lock.held(root, "the lock of the cluster", name=NAME, deadline_seconds=deadline_seconds):
        place = lock_item.DynamoTable(client, table, clock=CLOCK, renew=renew)
        lease = take(place, process, deadline=retry.Deadline(deadline_seconds, CLOCK), terms=terms)
        stop = threading.Event()
        keeper = threading.Thread(target=_keep, args=(lease, stop, terms), name="lock", daemon=True)
        keeper.start()
        try:
            yield lease
        finally:
            stop.set()
            keeper.join(terms.request_seconds)
            try:
                lease.release()
            except errors.BootstrapError as error:
                logger.warning("the lock could not be released, and ends by itself: %s", error.message)


def take(table: lock_item.Table, process: str, *, deadline: retry.Deadline, terms: Terms = TERMS) -> Lease:
    """Return the lock, taken for the host `process`; the body of `held`, which says what is raised."""
    clock = deadline.clock
    written: list[lock_item.Item] = []

    def ours(answer: lock_item.Answer) -> Optional[Lease]:
        # Also a write of which no answer arrived.
        if answer.item is None or answer.item not in written:
            return None
        return Lease(table, answer.item, answer.moment, terms=terms, clock=clock)

    def attempt() -> Lease:
        seen = table.read(seconds=terms.request_seconds)
        lease = ours(seen)
        if lease is not None:
            return lease
        now = clock.monotonic()
        if seen.item is not None and seen.item.process != process and _ends(seen.item) > seen.moment.earliest(now):
            raise _Held(seen.item)
        after = lock_item.Item(str(_expires(seen.moment, now, terms)), process)
        written.append(after)
        answer = table.replace(seen.item, after, seconds=terms.request_seconds)
        if answer.done:
            return Lease(table, after, answer.moment, terms=terms, clock=clock)
        seen = table.read(seconds=terms.request_seconds)
        lease = ours(seen)
        if lease is not None:
            return lease
        raise _Held(seen.item)

    try:
        return retry.until(deadline, attempt)
    except retry.DeadlinePassed as passed:
        raise errors.ClusterLockHeld(
            f"{passed.last.reason} ({passed.effort()})",
            hint="Nothing has to be done: that host does the work, and where it has died, the lock ends at that time.",
        ) from None


class _Held(retry.Again):
    def __init__(self, item: Optional[lock_item.Item]) -> None:
        if item is None:
            super().__init__("another auth server has just had the lock")
        else:
            super().__init__(f"{item.process or 'another auth server'} holds the lock until {_shown(_ends(item))}")


def _keep(lease: Lease, stop: threading.Event, terms: Terms) -> None:
    """Renew the lease again and again until it is lost or `stop` is set."""
    while not stop.wait(terms.renew_seconds):
        try:
            lease.renew()
        except errors.LeaseLost as error:
            logger.warning("%s", error.message)
            return
        except errors.BootstrapError as error:
            logger.warning("the lock could not be renewed yet: %s", error.message)
        except Exception as error:  # the lease ends by itself, and `check` says so
            logger.warning("the lock is not renewed any more: %s", type(error).__name__)
            return


def _expires(moment: lock_item.Moment, now: float, terms: Terms) -> int:
    return math.floor(moment.earliest(now) + terms.lease_seconds)


def _certain_until(item: lock_item.Item, moment: lock_item.Moment, terms: Terms) -> float:
    """Return until which reading of our clock nobody else can have taken `item`, which was there at `moment`."""
    return _ends(item) - terms.margin_seconds - moment.latest(0.0)


def _ends(item: lock_item.Item) -> int:
    if item.ends is None:
        raise errors.AwsFailed(
            f"the item {lock_item.KEY} in the table of locks does not say in seconds until when it is held",
            hint="It was written by something else than an auth server of these images. Remove the item.",
        )
    return item.ends


def _shown(moment: int) -> str:
    try:
        return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"second {moment}"
