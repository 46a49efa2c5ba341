"""When a request is repeated: the rules alone, which wait for nothing. `./dev fleet` simulates whole fleets with them.

`Jitter` is for what a host asks by itself. `Crowd` is for what all hosts of a fleet ask at the same time, of a service
that takes only so many requests a second: docs/fleets.md argues for its rule, with figures.
"""

from __future__ import annotations

from teleport_bootstrap.host import clock as clocks

# Each moment at which a host of a crowd asks is so many times later than the one before. With this, the last host of a
# fleet is answered within 1.2 times the shortest time that the service allows, whatever the size of the fleet.
GROWTH = 1.25
FIRST_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS = 0.1
# At 40 requests a second, this is enough for 240,000 hosts.
PATIENCE_SECONDS = 7200.0


class Jitter:
    """Pauses with "full jitter": each is a random share of a limit that doubles from `first` to `longest` seconds."""

    def __init__(self, *, first: float, longest: float) -> None:
        self.first = first
        self._limit = min(first, longest)
        self._longest = longest

    def limit(self) -> float:
        """Return the longest that the next pause may be."""
        limit = self._limit
        self._limit = min(limit * 2, self._longest)
        return limit


class Crowd:
    """The requests of one host among unknown many that begin together.

    They are at moments of which each is GROWTH times later than the one before; the first one is random. So the longer
    it takes, the more seldom each host asks: the hosts that are still waiting ask for little more than the service
    grants, however many they are, and each of them asks soon after the service has room.
    The wait ends `patience_seconds` after its beginning, 0 to leave it to another process.
    """

    def __init__(self, clock: clocks.Clock | None = None, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._clock = clock or clocks.SYSTEM
        self._patience = patience_seconds
        self._begin = self._clock.monotonic()
        self._first: float = FIRST_SECONDS * GROWTH ** self._clock.chance()
        self._has_turn = False

    def turn(self, spread_seconds: float = 0.0) -> float:
        """Return the pause before the first request: until the first moment, or a random one up to `spread_seconds`.

        Later, return 0: a host has one turn.
        """
        if self._has_turn:
            return 0.0
        self._has_turn = True
        if spread_seconds:
            self._begin += self._clock.chance() * spread_seconds - self._first
        return max(0.0, self._begin + self._first - self._clock.monotonic())

    def after_throttled(self) -> float | None:
        """Return the pause after a request that was refused because of too many; None when it is time to give up."""
        passed = self._clock.monotonic() - self._begin
        moment = self._first
        while moment < passed + SHORTEST_PAUSE_SECONDS:
            moment *= GROWTH
        return moment - passed if moment <= self._patience else None

    def remaining(self) -> float:
        """Return the seconds until it is time to give up."""
        return max(0.0, self._begin + self._patience - self._clock.monotonic())
