from __future__ import annotations

import random

import pytest

from teleport_bootstrap.host import clock, pacing
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import generate
from teleport_bootstrap.paths import Root


class Watch:
    """A clock that a test sets."""

    def __init__(self, seed: int = 0) -> None:
        self.now = 1000.0
        self.clock = clock.Clock(monotonic=lambda: self.now, chance=random.Random(seed).random)


def moments(watch: Watch, crowd: pacing.Crowd, until: float, *, spread: float = 0.0) -> list[float]:
    """Return the moments, from the start on, at which a host asks that is always throttled."""
    start = watch.now
    watch.now += crowd.turn(spread)
    found = [watch.now - start]
    while watch.now - start < until:
        pause = crowd.after_throttled()
        if pause is None:
            break
        watch.now += pause
        found.append(watch.now - start)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_each_moment_is_by_the_same_factor_later(seed: int) -> None:
    watch = Watch(seed)
    found = moments(watch, pacing.Crowd(watch.clock), 3000.0)
    assert pacing.FIRST_SECONDS <= found[0] <= pacing.FIRST_SECONDS * pacing.GROWTH
    assert all(later / earlier == pytest.approx(pacing.GROWTH) for earlier, later in zip(found, found[1:]))
    assert len(found) < 40


def test_hosts_that_start_together_do_not_stay_together() -> None:
    at = [moments(watch, pacing.Crowd(watch.clock), 100.0)[-1] for watch in map(Watch, range(200))]
    assert len({round(each) for each in at}) > 20


def test_a_slow_answer_moves_no_later_moment() -> None:
    prompt, slow = Watch(3), Watch(3)
    expected = moments(prompt, pacing.Crowd(prompt.clock), 50.0)
    crowd = pacing.Crowd(slow.clock)
    slow.now += crowd.turn()
    for moment in expected[1:]:
        slow.now += 0.1
        pause = crowd.after_throttled()
        assert pause is not None
        slow.now += pause
        assert slow.now - 1000.0 == pytest.approx(moment)


@pytest.mark.parametrize("spread", [0.0, 300.0])
def test_the_first_turn_is_somewhere_in_the_spread_and_there_is_only_one(spread: float) -> None:
    turns = []
    for watch in map(Watch, range(300)):
        crowd = pacing.Crowd(watch.clock)
        turns.append(crowd.turn(spread))
        watch.now += turns[-1]
        assert crowd.turn(spread) == 0.0
    first = pacing.FIRST_SECONDS
    low, high = (0.0, spread) if spread else (first, first * pacing.GROWTH)
    assert low <= min(turns) < low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) < max(turns) <= high


def test_after_its_turn_a_host_asks_soon_again() -> None:
    watch = Watch(5)
    crowd = pacing.Crowd(watch.clock)
    watch.now += crowd.turn(3000.0)
    pause = crowd.after_throttled()
    assert pause is not None
    assert pause < 1.0


def test_gives_up_when_its_patience_ends() -> None:
    watch = Watch()
    crowd = pacing.Crowd(watch.clock, patience_seconds=60.0)
    found = moments(watch, crowd, 1e9)
    assert 60.0 / pacing.GROWTH < found[-1] <= 60.0
    assert crowd.remaining() == pytest.approx(60.0 - found[-1])


def test_generate_leaves_a_throttled_request_to_the_service_that_fetches_later() -> None:
    doors = generate.before_fetch_service(gather.Doors(Root("/nowhere"), {}))
    assert doors.wait_seconds == generate.FETCHED_LATER_SECONDS
    assert doors.crowd is not None
    assert doors.crowd.after_throttled() is None


def test_jitter_doubles_its_limit() -> None:
    pauses = pacing.Jitter(first=1.0, longest=5.0)
    assert [pauses.limit() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
