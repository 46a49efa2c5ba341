"""One auth server of a cluster at a time: a lease on an item in DynamoDB that old and new images share.

Two hosts never hold it at once:

- The item is replaced only where it is exactly what was read a moment before, so that of all hosts that want it one
  gets it. A write whose answer was lost, or that arrives late, never overwrites what another host has written since.
- It is taken from another host only after the time that the item names, by AWS's own clock, which each answer shows.
  Older images use their own clock. AWS refuses a request that was signed by a clock more than five minutes off
  (Signature Version 4), so that their clock is not further ahead than that.
- The holder treats its lease as lost MARGIN_SECONDS before that time, counted from before the request was sent, by a
  clock that is never set and also runs while the machine is suspended. A renewal counts only once it is confirmed.
- On one host, a file lock admits one process. It is needed because the item names only the host, whose next process
  takes over what a killed one has left. Two hosts with the same name would do that to each other; the name is the
  private DNS name, which is unique in a VPC.

A host that dies keeps the others out for at most LEASE_SECONDS.
"""

from __future__ import annotations

import contextlib
import datetime
import math
import threading
import time
from collections.abc import Iterator

from teleport_bootstrap import errors, log, paths
from teleport_bootstrap.aws import account, dynamodb
from teleport_bootstrap.cluster import lock_item
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import lock as host_lock
from teleport_bootstrap.host import retry
from teleport_bootstrap.instance import gather
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import metadata_cache

NAME = "cluster.lock"

# How far a host's clock may be ahead of AWS's while AWS still accepts its requests.
MARGIN_SECONDS = 300.0
LEASE_SECONDS = 900.0

logger = log.Logger(__name__)


def _since_boot() -> float:
    """Return the seconds since the machine was booted, including those in which it was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


CLOCK = clocks.Clock(monotonic=_since_boot)


@dataclass(frozen=True)
class Terms:
    """For how long the lock is taken at once, how long before its end it counts as lost, and how often it is renewed.

    `request_seconds` bounds one request about it with its retries.
    """

    lease_seconds: float = LEASE_SECONDS
    margin_seconds: float = MARGIN_SECONDS
    renew_seconds: float = 60.0
    request_seconds: float = 30.0


TERMS = Terms()


class Lease:
    """The lock, held here and renewed in the background. Call `check` before each step that cannot be undone."""

    def __init__(
        self, table: lock_item.Table, item: lock_item.Item, moment: lock_item.Moment, terms: Terms, clock: clocks.Clock
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
        """Return for how many seconds no other host can hold the lock; 0 once it is lost."""
        with self._guard:
            left = self._until - self._clock.monotonic()
            if left <= 0 and not self._lost:
                self._lost = "its renewal was not confirmed in time"
            return 0.0 if self._lost else left

    def check(self, seconds: float = 0.0) -> None:
        """Raise LeaseLost unless the lock is certain for `seconds` more, the time that the next step may take."""
        left = self.remaining()
        if left > seconds:
            return
        why = self._lost or f"it is certain for {left:.0f} s only, and the next step may take {seconds:.0f} s"
        raise errors.LeaseLost(
            f"the lock of this cluster's auth servers is lost: {why}",
            hint="The work was stopped before its next step; the next run repeats it, here or on another host. "
            "Check whether DynamoDB can be reached from this host.",
        )

    def renew(self) -> None:
        """Extend the lease by a full term. Raises LeaseLost, and what the table raises; then the lease is unchanged.

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
            self._lose("its item was removed" if answer.item is None else f"{answer.item.process} has taken it")
        else:
            # One of our own writes succeeded although its answer did not arrive.
            self._confirm(answer.item, answer.moment)

    def release(self) -> None:
        """Release the lock; an item of another host is left unchanged. Raises what the table raises."""
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


def hold_here(doors: gather.Doors, aws: account.Aws, table: str) -> contextlib.AbstractContextManager[Lease]:
    """Hold the lock under the name of this host while the body runs; raises as `hold` and `holder_name` do."""
    return hold(
        aws.dynamodb,
        root=doors.root,
        table=table,
        process=holder_name(doors),
        deadline_seconds=doors.wait_seconds,
        terms=Terms(request_seconds=min(TERMS.request_seconds, doors.wait_seconds)),
    )


def holder_name(doors: gather.Doors) -> str:
    """Return the private DNS name of this instance, which is unique in its VPC, unlike the output of `hostname`.

    It is read each time, since the disk may come from another instance; while the metadata service does not answer, the
    last known name is used. Raises the errors of the metadata service where no name is known.
    """
    last_known = metadata_cache.read(doors.root).get(items.LOCAL_HOSTNAME)
    try:
        return items.read_required(gather.metadata_service(doors), items.LOCAL_HOSTNAME)
    except errors.BootstrapError:
        if last_known is None:
            raise
        return last_known


@contextlib.contextmanager
def hold(
    service: dynamodb.DynamoDb,
    *,
    root: paths.Root,
    table: str,
    process: str,
    deadline_seconds: float = 0.0,
    terms: Terms = TERMS,
) -> Iterator[Lease]:
    """Hold the lock of the cluster's auth servers while the body runs.

    `table` is TELEPORT_LOCKS_TABLE_NAME, and `process` the name of this host in it: see `holder_name`. A file lock in
    the state directory under `root` keeps out other processes of this host. The body must call `lease.check()` before
    each step that cannot be undone.

    Raises ClusterLockHeld, naming the holder, where another host keeps the lock for longer than `deadline_seconds`,
    LockBusy where another process of this host does, LeaseLost from `check`, and what lock_item.Table raises.
    """
    with host_lock.hold(root, "the lock of the cluster", name=NAME, deadline_seconds=deadline_seconds):
        deadline = retry.Deadline(deadline_seconds, CLOCK)
        lease = take(lock_item.Table(service, table, clock=CLOCK), process, deadline=deadline, terms=terms)
        stop = threading.Event()
        keeper = threading.Thread(target=_keep_renewing, args=(lease, stop, terms), name="lock", daemon=True)
        keeper.start()
        try:
            yield lease
        finally:
            stop.set()
            keeper.join(terms.request_seconds)
            try:
                lease.release()
            except errors.BootstrapError as error:
                logger.warning("the lock could not be released; it expires by itself: %s", error.message)


def take(table: lock_item.Table, process: str, *, deadline: retry.Deadline, terms: Terms = TERMS) -> Lease:
    """Return the lock, taken for the host `process`; raises as `hold` does."""
    clock = deadline.clock
    written: list[lock_item.Item] = []

    def own_lease(answer: lock_item.Answer) -> Lease | None:
        # Includes writes whose answers did not arrive.
        if answer.item is None or answer.item not in written:
            return None
        return Lease(table, answer.item, answer.moment, terms, clock)

    def attempt() -> Lease:
        seen = table.read(seconds=terms.request_seconds)
        lease = own_lease(seen)
        if lease is not None:
            return lease
        now = clock.monotonic()
        if seen.item is not None and seen.item.process != process and _ends(seen.item) > seen.moment.earliest(now):
            raise _HeldElsewhere(seen.item)
        after = lock_item.Item(str(_expires(seen.moment, now, terms)), process)
        written.append(after)
        answer = table.replace(seen.item, after, seconds=terms.request_seconds)
        if answer.done:
            return Lease(table, after, answer.moment, terms, clock)
        seen = table.read(seconds=terms.request_seconds)
        lease = own_lease(seen)
        if lease is not None:
            return lease
        raise _HeldElsewhere(seen.item)

    try:
        return retry.until(deadline, attempt, what="the lock that auth servers share")
    except retry.DeadlinePassed as passed:
        raise errors.ClusterLockHeld(
            f"{passed.last.reason} ({passed.effort()})",
            hint="Nothing has to be done: that host does the work. If it has died, the lock expires at that time.",
        ) from None


class _HeldElsewhere(retry.Again):
    def __init__(self, item: lock_item.Item | None) -> None:
        if item is None:
            super().__init__("another auth server has just released the lock")
        else:
            super().__init__(f"{item.process or 'another auth server'} holds the lock until {_utc_text(_ends(item))}")


def _keep_renewing(lease: Lease, stop: threading.Event, terms: Terms) -> None:
    """Renew the lease periodically until it is lost or `stop` is set."""
    while not stop.wait(terms.renew_seconds):
        try:
            lease.renew()
        except errors.LeaseLost as error:
            logger.warning("%s", error.message)
            return
        except errors.BootstrapError as error:
            logger.warning("the lock could not be renewed, retrying: %s", error.message)
        except Exception as error:  # the lease expires by itself, and `check` reports it
            logger.warning("the lock is not renewed any more: %s", type(error).__name__)
            return


def _expires(moment: lock_item.Moment, now: float, terms: Terms) -> int:
    return math.floor(moment.earliest(now) + terms.lease_seconds)


def _certain_until(item: lock_item.Item, moment: lock_item.Moment, terms: Terms) -> float:
    """Return the reading of our clock until which no other host can have taken `item`, seen at `moment`."""
    return _ends(item) - terms.margin_seconds - moment.latest(0.0)


def _ends(item: lock_item.Item) -> int:
    if item.ends is None:
        raise errors.AwsFailed(
            f"the item {lock_item.KEY} in the table of locks has an Expires that is not a number of seconds",
            hint="It was not written by an auth server of these images. Remove the item.",
        )
    return item.ends


def _utc_text(moment: int) -> str:
    try:
        return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"second {moment}"
