from __future__ import annotations

import collections
import random
from collections.abc import Callable

import pytest

from teleport_bootstrap.host import clock, pacing, retry
from tests.fleet.threads import SimulatedTime


class Alone:
    """A clock for one caller: sleeping moves it."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self.clock = clock.Clock(monotonic=lambda: self.now, sleep=self.sleep, chance=chance)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def always_again() -> None:
    raise retry.Again("still closed")


def test_immediate_success_needs_no_wait() -> None:
    alone = Alone(lambda: 0.5)
    assert retry.until(retry.Deadline(10, alone.clock), lambda: 7) == 7
    assert alone.slept == []


def test_pauses_are_a_random_share_of_a_doubling_limit() -> None:
    alone = Alone(lambda: 0.5)
    with pytest.raises(retry.DeadlinePassed):
        retry.until(retry.Deadline(60, alone.clock), always_again, first=1.0, longest=8.0)
    assert alone.slept[:6] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_the_deadline_message_says_why_how_often_and_how_long() -> None:
    alone = Alone(lambda: 0.999)
    with pytest.raises(retry.DeadlinePassed) as caught:
        retry.until(retry.Deadline(20, alone.clock), always_again)
    assert caught.value.last.reason == "still closed"
    assert str(caught.value) == f"still closed ({caught.value.attempts} attempts in 20 s)"
    assert caught.value.seconds <= 20


@pytest.mark.parametrize("chance", [0.0001, 0.3, 0.9999])
def test_no_attempt_begins_that_could_outlast_the_deadline(chance: float) -> None:
    alone = Alone(lambda: chance)
    began: list[float] = []

    def slow() -> None:
        began.append(alone.now)
        alone.now += 10.0
        raise retry.Again("too slow")

    with pytest.raises(retry.DeadlinePassed):
        retry.until(retry.Deadline(60, alone.clock), slow, attempt_seconds=10.0)
    assert len(began) > 3
    assert alone.now <= 160.0


def test_at_least_one_attempt_is_made_after_the_deadline() -> None:
    with pytest.raises(retry.DeadlinePassed, match="1 attempt in"):
        retry.until(retry.Deadline(0.0, Alone(lambda: 0.5).clock), always_again, attempt_seconds=10.0)


def test_other_errors_pass_through_at_once() -> None:
    alone = Alone(lambda: 0.5)

    def broken() -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        retry.until(retry.Deadline(60, alone.clock), broken)
    assert alone.slept == []


class Throttled:
    """A service that allows so many calls a second, and a burst of a second's worth: SSM's default is 40."""

    def __init__(self, time: SimulatedTime, per_second: float) -> None:
        self._time = time
        self._rate = per_second
        self._left = per_second
        self._asked = 0.0
        self.calls: collections.Counter[int] = collections.Counter()

    def call(self) -> float:
        self.calls[int(self._time.now)] += 1
        self._left = min(self._rate, self._left + (self._time.now - self._asked) * self._rate)
        self._asked = self._time.now
        if self._left < 1:
            raise retry.Again("throttled")
        self._left -= 1
        return self._time.now


def burst(instances: int, chance: Callable[[int], Callable[[], float]]) -> tuple[list[float], collections.Counter[int]]:
    """Start so many instances in the same instant; return when each of those that got an answer did, and the calls."""
    time = SimulatedTime()
    service = Throttled(time, 40.0)
    served: list[float] = []

    def instance(number: int) -> Callable[[], None]:
        def run() -> None:
            try:
                deadline = retry.Deadline(60.0, time.clock(chance(number)))
                served.append(retry.until(deadline, service.call, attempt_seconds=10.0))
            except retry.DeadlinePassed:
                pass

        return run

    time.run([instance(number) for number in range(instances)])
    return served, service.calls


def test_a_thousand_instances_that_start_together_all_get_their_parameters() -> None:
    served, calls = burst(1000, lambda number: random.Random(number).random)
    assert len(served) == 1000
    assert max(served) < 50.0
    later = [count for second, count in calls.items() if second >= 4]
    assert max(later) < 400, "the calls spread out instead of coming in waves"


def test_without_jitter_the_same_thousand_would_collide() -> None:
    """What the test above would look like if the pauses were equal: the model can tell the difference."""
    served, calls = burst(1000, lambda number: lambda: 0.999)
    assert len(served) < 600
    assert max(count for second, count in calls.items() if second >= 4) > 500


def throttled() -> None:
    raise retry.Again("throttled", is_throttled=True)


def test_a_crowd_is_waited_for_beyond_the_deadline_as_long_as_the_service_answers() -> None:
    alone = Alone(random.Random(1).random)
    crowd = pacing.Crowd(alone.clock, patience_seconds=2000.0)
    with pytest.raises(retry.DeadlinePassed, match=r"attempts in 1[0-9]{3} s"):
        retry.until(retry.Deadline(60.0, alone.clock, crowd=crowd), throttled, attempt_seconds=10.0)
    assert max(alone.slept) > 300.0


def test_another_failure_in_a_crowd_ends_after_the_time_of_one_call() -> None:
    alone = Alone(random.Random(1).random)
    failed_from: list[float] = []

    def attempt() -> None:
        if alone.now < 400.0:
            throttled()
        failed_from.append(alone.now)
        always_again()

    with pytest.raises(retry.DeadlinePassed, match="still closed"):
        deadline = retry.Deadline(60.0, alone.clock, crowd=pacing.Crowd(alone.clock))
        retry.until(deadline, attempt, attempt_seconds=10.0)
    assert 20.0 < alone.now - failed_from[0] <= 60.0


def test_without_a_crowd_a_throttled_call_ends_at_the_deadline() -> None:
    alone = Alone(lambda: 0.5)
    with pytest.raises(retry.DeadlinePassed):
        retry.until(retry.Deadline(60.0, alone.clock), throttled, attempt_seconds=10.0)
    assert alone.now <= 160.0


def test_the_longest_wait_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    alone = Alone(random.Random(1).random)
    crowd = pacing.Crowd(alone.clock, patience_seconds=2000.0)
    with caplog.at_level("INFO"), pytest.raises(retry.DeadlinePassed):
        retry.until(retry.Deadline(60.0, alone.clock, crowd=crowd), throttled, what="an answer")
    assert "waiting up to 2000 s for an answer: throttled" in caplog.text
