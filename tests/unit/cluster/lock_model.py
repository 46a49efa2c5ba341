"""A world in which hosts contend for the lock: the real code, step by step, in any order, with anything going wrong.

Each process is a thread that stands still at every request to the table until the world lets it go on, so that only one
runs at a time and what happens is decided by `choose` alone. The world decides the order of the requests, how long they
take, whether they or their answers are lost, whether a write arrives long after its deadline, which host fails, and how
fast each host's own clock runs. Older images are in it too, with clocks that are wrong.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional, cast

from teleport_bootstrap import errors
from teleport_bootstrap.cluster import lock, lock_item
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import retry

Choose = Callable[[int], int]

# A small world: seconds instead of minutes, and an older image's clock is not further off than the margin.
TERMS = lock.Terms(lease_seconds=40.0, margin_seconds=10.0, renew_seconds=5.0)
SKEWS = (-9.0, -3.0, 0.0, 4.0, 8.9)
PAUSES = (0.0, 0.3, 1.0, 4.0, 12.0, 35.0)
RATES = (0.9995, 1.0, 1.0005)

START = 1_700_000_000.25

ANSWERED = "answered"
REPEATED = "answered after a repetition whose first attempt had been made"
LOST = "made, and its answer lost"
DROPPED = "never made"
LATE = "made later"
OUTCOMES = (ANSWERED, ANSWERED, ANSWERED, REPEATED, LOST, DROPPED, LATE)


class TwoHolders(AssertionError):
    """What must never be."""


class HostFailed(BaseException):
    """Ends a process at a request, as SIGKILL does."""


class Process(threading.Thread):
    """A process of a host: takes the lock, renews it, releases it; `lease` is there while it holds it."""

    def __init__(self, world: World, host: Host) -> None:
        super().__init__(daemon=True)
        self.world = world
        self.host = host
        self.lease: Optional[lock.Lease] = None
        self.request: Optional[Callable[[], Any]] = None
        self.outcome = ANSWERED
        self.todo = "take"
        self.ended = False
        self.error: Optional[BaseException] = None
        self._go = threading.Semaphore(0)
        self._stands = threading.Semaphore(0)

    def run(self) -> None:
        try:
            self._wait()
            deadline = retry.Deadline(0.0, self.host.clock)
            table = cast(lock_item.Table, self)
            self.lease = lock.take(table, self.host.name, deadline=deadline, terms=self.world.terms)
            while True:
                self.request = None
                self._wait()
                if self.todo == "release":
                    self.lease.release()
                    return
                try:
                    self.lease.renew()
                except errors.AwsUnreachable:
                    continue
        except (errors.ClusterLockHeld, errors.LeaseLost, errors.AwsUnreachable, HostFailed):
            return
        except BaseException as error:
            self.error = error
        finally:
            self.ended = True
            self._stands.release()

    def resume(self) -> None:
        """Go on until the next request, or the end."""
        self._go.release()
        self._stands.acquire()
        if self.error is not None:
            raise self.error

    def begin(self) -> None:
        self.start()
        self._stands.acquire()
        self.resume()

    def die(self) -> None:
        self.todo = "die"
        self.lease = None
        if not self.ended:
            self.resume()

    def _wait(self) -> None:
        self._stands.release()
        self._go.acquire()
        if self.todo == "die":
            raise HostFailed

    # ---- the table, as this process sees it

    def read(self, *, seconds: float) -> lock_item.Answer:
        return self._ask(lambda: (self.world.item, True), changes=False)

    def replace(self, before: Optional[lock_item.Item], after: lock_item.Item, *, seconds: float) -> lock_item.Answer:
        return self._ask(lambda: (None, self.world.swap(before, after)), changes=True)

    def remove(self, before: lock_item.Item, *, seconds: float) -> lock_item.Answer:
        return self._ask(lambda: (None, self.world.swap(before, None)), changes=True)

    def _ask(self, make: Callable[[], tuple[Optional[lock_item.Item], bool]], *, changes: bool) -> lock_item.Answer:
        sent = self.host.clock.monotonic()
        self.request = make
        self._wait()  # on its way to the table
        if self.outcome == LATE and changes:
            self.world.late.append(make)
        if self.outcome in (DROPPED, LATE):
            raise errors.AwsUnreachable("no answer")
        item, done = make()
        if self.outcome == REPEATED and changes:
            item, done = make()
        date = float(math.floor(self.world.now))
        self.request = make
        self._wait()  # on the answer's way back
        if self.outcome == LOST:
            raise errors.AwsUnreachable("no answer")
        return lock_item.Answer(lock_item.Moment(date, sent, self.host.clock.monotonic()), item, done)


@dataclass
class Host:
    """A host with a clock that is never set, but runs a little too fast or too slow."""

    name: str
    clock: clocks.Clock
    process: Optional[Process] = None


@dataclass
class OldImage:
    """A host that goes by the contract's condition, and by its own wall clock."""

    name: str
    skew: float
    lease_seconds: float


@dataclass
class World:
    """The table, the hosts, and the time; `choose(n)` chooses among `n` next steps."""

    choose: Choose
    terms: lock.Terms = TERMS
    hosts: int = 3
    now: float = START
    item: Optional[lock_item.Item] = None
    late: list[Callable[[], Any]] = field(default_factory=list)
    taken: int = 0
    contended: int = 0

    def __post_init__(self) -> None:
        self._hosts = [self._host(f"host-{number}", RATES[number % len(RATES)]) for number in range(self.hosts)]
        self._old = [
            OldImage(f"old-{number}", skew, self.terms.lease_seconds)
            for number, skew in enumerate((SKEWS[-1], SKEWS[0]))
        ]

    def _host(self, name: str, rate: float) -> Host:
        return Host(name, clocks.Clock(monotonic=lambda: 1000.0 + (self.now - START) * rate, wall=lambda: 0.0))

    def swap(self, before: Optional[lock_item.Item], after: Optional[lock_item.Item]) -> bool:
        if self.item != before:
            self.contended += 1
            return False
        self.item = after
        return True

    def live(self, steps: int) -> None:
        """Let things happen, and look after each."""
        try:
            for _ in range(steps):
                self.step()
                self.look()
        finally:
            for host in self._hosts:
                if host.process is not None:
                    host.process.die()

    def look(self) -> None:
        holding = [host.name for host in self._hosts if self._holds(host)]
        if len(holding) > 1:
            raise TwoHolders(f"{' and '.join(holding)} hold it at {self.now - START:.2f} s, item {self.item}")

    def _holds(self, host: Host) -> bool:
        process = host.process
        return process is not None and process.lease is not None and process.lease.remaining() > 0

    def step(self) -> None:
        what = self.choose(24)
        if what < 16:
            self._advance(self._hosts[self.choose(len(self._hosts))])
        elif what < 19:
            self.now += PAUSES[self.choose(len(PAUSES))]
        elif what < 22 and self.late:
            self.late.pop(self.choose(len(self.late)))()
        elif what == 22:
            self._take_as_old_images_do(self._old[self.choose(len(self._old))])
        elif what == 23:
            host = self._hosts[self.choose(len(self._hosts))]
            if host.process is not None:
                host.process.die()
                host.process = None

    def _advance(self, host: Host) -> None:
        """Let a host's process go on, or start one; the file lock sees to it that there is one at most."""
        process = host.process
        if process is None or process.ended:
            host.process = Process(self, host)
            host.process.begin()
            return
        had = process.lease is not None
        process.outcome = OUTCOMES[self.choose(len(OUTCOMES))]
        if process.request is None:
            process.todo = "release" if self.choose(5) == 0 else "renew"
        process.resume()
        self.taken += process.lease is not None and not had
        if process.ended:
            process.lease = None

    def _take_as_old_images_do(self, old: OldImage) -> None:
        """The conditional put of the contract, which compares the seconds as the strings that they are."""
        now = str(math.floor(self.now + old.skew))
        if self.item is not None and self.item.expires > now and self.item.process != old.name:
            return
        self.item = lock_item.Item(str(math.floor(self.now + old.skew + old.lease_seconds)), old.name)
        holding = [host.name for host in self._hosts if self._holds(host)]
        if holding:
            raise TwoHolders(f"{old.name} has taken it at {self.now - START:.2f} s from {holding[0]}, which holds it")
