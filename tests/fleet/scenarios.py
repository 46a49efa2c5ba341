"""The fleets that are simulated, and what came of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fleet import policies
from tests.fleet.simulation import ABSENT, OK, THROTTLED, Bucket, Host, Request, World

# AWS General Reference, "AWS Systems Manager endpoints and quotas": GetParameter, GetParameters and GetParametersByPath
# together by default, GetParameters with higher throughput, PutParameter by default.
DEFAULT_LIMIT = 40.0
RAISED_LIMIT = 1000.0
PUT_LIMIT = 3.0
# AWS KMS Developer Guide, "Request quotas": symmetric cryptographic operations, in the regions with the lowest quota.
KMS_LIMIT = 5500.0

SIZES = (10, 100, 1000, 10_000, 100_000)
# The share of the limit that a spread of the first requests plans for.
PLANNED_SHARE = 0.95
# Hosts that are started by one call reach the agent within some seconds: metadata arrives late, disks are cold.
EARLIEST_SECONDS = 0.2
DELAY_SECONDS = 0.3
HORIZON_SECONDS = 4 * 3600.0
SEED = 16


@dataclass(frozen=True)
class Fleet:
    """`size` hosts that start together; `limit` and `burst` are SSM's, the latter by default that of one second."""

    policy: str
    size: int
    limit: float = DEFAULT_LIMIT
    spread_seconds: float = 0.0
    burst: float | None = None
    counts_refused: bool = False
    launched_per_second: float = math.inf
    # When an auth server begins to publish what the hosts wait for, if it does not exist from the beginning.
    publishes_at: float | None = None
    seed: int = SEED
    until: float = HORIZON_SECONDS


@dataclass
class Outcome:
    """What came of a fleet. `last` is when the last host had its token; `published` when there was one."""

    fleet: Fleet
    joined: int
    last: float
    half: float
    calls: int
    throttled: int
    failed_runs: int
    published: float = 0.0
    publishers_runs: int = 0

    @property
    def shortest(self) -> float:
        """The shortest time in which the limit lets all hosts make one call each."""
        return self.fleet.size / self.fleet.limit

    @property
    def times(self) -> float:
        """How many times longer it took."""
        return self.last / self.shortest

    @property
    def calls_each(self) -> float:
        """Calls for each host; one is the least."""
        return self.calls / self.fleet.size


@dataclass
class _Publisher:
    """An auth server: it looks up what is published, then publishes, each call retried for a minute as the agent does.

    Its look-ups share the limit of the hosts' requests.
    """

    world: World
    reading: Callable[[float], str]
    at: float
    published: float = math.inf
    runs: int = 0
    writing: Bucket = field(default_factory=lambda: Bucket(PUT_LIMIT))

    def live(self) -> Host:
        yield self.at
        read = Request(self.reading)
        write = Request(lambda now: OK if self.writing.take(now) else THROTTLED)
        while True:
            self.runs += 1
            for request in (read, read, *[write] * 6):
                answer = yield from policies.persist(self.world, request, 60.0)
                if answer == THROTTLED:
                    break
            else:
                self.published = self.world.now
                return
            yield policies.RESTART_SECONDS


def simulate(fleet: Fleet) -> Outcome:
    """Let the fleet start, and return what came of it."""
    world = World(fleet.seed)
    ssm = Bucket(fleet.limit, fleet.burst, counts_refused=fleet.counts_refused)
    kms = Bucket(KMS_LIMIT)

    def reading(now: float) -> str:
        return OK if ssm.take(now) else THROTTLED

    publisher = None if fleet.publishes_at is None else _Publisher(world, reading, fleet.publishes_at)

    def answer(now: float) -> str:
        if not ssm.take(now):
            return THROTTLED
        if publisher is not None and now < publisher.published:
            return ABSENT
        # The token is a SecureString, so that SSM has KMS decrypt it; the pins are not.
        return OK if kms.take(now) else THROTTLED

    def started(number: int) -> float:
        # EC2 starts a thousand at once, then so many a second.
        launched = max(0, number - 1000) / fleet.launched_per_second
        return launched + EARLIEST_SECONDS + world.random.expovariate(1 / DELAY_SECONDS)

    policy = policies.POLICIES[fleet.policy]

    def host(number: int) -> Host:
        return policy(world, policies.Setting(answer, lambda: started(number), fleet.spread_seconds))

    hosts = [host(number) for number in range(fleet.size)]
    world.run([*hosts, *([] if publisher is None else [publisher.live()])], until=fleet.until)
    counts = world.counts
    joined = sorted(counts.joined)
    return Outcome(
        fleet,
        joined=len(joined),
        last=joined[-1] if joined else math.inf,
        half=joined[(fleet.size - 1) // 2] if len(joined) > (fleet.size - 1) // 2 else math.inf,
        calls=counts.calls,
        throttled=counts.throttled,
        failed_runs=counts.failed_runs,
        published=0.0 if publisher is None else publisher.published,
        publishers_runs=0 if publisher is None else publisher.runs,
    )


def planned_spread(size: int, limit: float) -> float:
    """Return the value of TELEPORT_FETCH_SPREAD_SECONDS for so many hosts, as docs/fleets.md says."""
    return float(min(3600, round(size / (limit * PLANNED_SHARE))))
