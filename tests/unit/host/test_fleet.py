"""Whole fleets in simulated time, with fixed seeds: `./dev fleet` is the same for larger ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from teleport_bootstrap.host import pacing, retry
from tests.fleet import __main__ as program
from tests.fleet import lock, plot, policies, tables
from tests.fleet.scenarios import Fleet, planned_spread, simulate
from tests.fleet.simulation import OK, THROTTLED, Bucket, Host, Request, World
from tests.fleet.threads import SimulatedTime

SEEDS = (1, 2, 3)
START_SECONDS = 4.0


@pytest.mark.parametrize("seed", SEEDS)
def test_issue_16_row_6_a_small_fleet_does_not_wait(seed: int) -> None:
    found = simulate(Fleet(policies.AGENT, 10, seed=seed))
    assert found.joined == found.calls == 10
    assert found.half < 1.0
    assert found.last < 3.0


@pytest.mark.parametrize("limit", [40.0, 1000.0])
@pytest.mark.parametrize("size", [100, 300, 1000, 2000])
def test_issue_16_row_6_no_fleet_fails_or_takes_much_longer_than_it_must(size: int, limit: float) -> None:
    for seed in SEEDS:
        found = simulate(Fleet(policies.AGENT, size, limit, seed=seed))
        assert found.joined == size
        assert found.failed_runs == 0
        # Some seconds pass before the last one has asked at all.
        assert found.last <= 1.2 * found.shortest + START_SECONDS
        # One call in each span that is 1.25 times as long as the one before, in the time that it takes.
        assert found.calls_each < 15.0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("size", [1000, 3000])
def test_issue_16_row_6_a_planned_spread_wastes_hardly_a_call(size: int, seed: int) -> None:
    found = simulate(Fleet(policies.AGENT, size, spread_seconds=planned_spread(size, 40.0), seed=seed))
    assert found.joined == size
    assert found.calls_each <= 1.3
    assert found.times <= 1.2


def test_issue_16_row_6_the_rule_before_asked_more_often() -> None:
    before, now = (simulate(Fleet(policy, 3000)) for policy in (policies.BEFORE, policies.AGENT))
    assert before.calls > 1.1 * now.calls


def test_issue_16_row_6_the_scripts_leave_nearly_all_of_a_fleet_without_a_token() -> None:
    assert simulate(Fleet(policies.SCRIPTS, 1000)).joined < 50
    assert simulate(Fleet(policies.SCRIPTS_CLI, 1000)).joined < 100


def test_issue_16_row_6_waiting_hosts_leave_room_for_the_auth_server_that_publishes() -> None:
    found = simulate(Fleet(policies.AGENT, 2000, publishes_at=90.0))
    assert found.joined == 2000
    assert found.failed_runs == 0
    assert found.published < 180.0
    assert found.last - found.published < 2 * found.shortest + 60.0


def test_issue_16_row_6_a_fleet_gets_through_even_if_refused_requests_count() -> None:
    found = simulate(Fleet(policies.AGENT, 500, counts_refused=True))
    assert found.joined == 500
    before = simulate(Fleet(policies.BEFORE, 500, counts_refused=True, until=600.0))
    assert before.joined < 100


def test_issue_16_row_6_the_simulation_does_what_the_real_retry_does() -> None:
    """The real `retry.until` in threads, beside the generators: one rule, two ways to drive it."""
    size, limit = 300, 40.0
    time, bucket, calls, served = SimulatedTime(), Bucket(limit), [0], list[float]()

    def host(number: int) -> Callable[[], None]:
        clock = time.clock(random.Random(number).random)

        def ask() -> float:
            time.sleep(0.04)
            calls[0] += 1
            if not bucket.take(time.now):
                raise retry.Again("throttled", is_throttled=True)
            return time.now

        def run() -> None:
            crowd = pacing.Crowd(clock)
            time.sleep(crowd.turn())
            served.append(retry.until(retry.Deadline(60.0, clock, crowd=crowd), ask, attempt_seconds=10.0))

        return run

    time.run([host(number) for number in range(size)])
    assert len(served) == size
    simulated = [_fetching_only(size, limit, seed) for seed in SEEDS]
    assert calls[0] == pytest.approx(sum(each[1] for each in simulated) / len(SEEDS), rel=0.1)
    assert max(served) == pytest.approx(sum(each[0] for each in simulated) / len(SEEDS), rel=0.1)


def _fetching_only(size: int, limit: float, seed: int) -> tuple[float, int]:
    world, bucket = World(seed), Bucket(limit)
    request = Request(lambda now: OK if bucket.take(now) else THROTTLED)

    def host() -> Host:
        yield 0.0
        assert (yield from policies.fetch_in_crowd(world, 0.0, request))
        world.counts.joined.append(world.now)

    world.run((host() for _ in range(size)), until=600.0)
    return max(world.counts.joined), world.counts.calls


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize("rate", [1000.0, 5.0])
def test_issue_16_row_6_auth_servers_get_the_lock_one_after_the_other(servers: int, rate: float) -> None:
    found = lock.contend(servers, seed=1, rate=rate)
    assert found.gave_up == 0
    gaps = [later - earlier for earlier, later in zip([0.0, *found.done], found.done)]
    assert len(gaps) == servers
    assert min(gaps) >= lock.WORK_SECONDS
    assert max(gaps) < 3 * lock.WORK_SECONDS


def test_a_bucket_grants_what_its_rate_and_its_size_allow() -> None:
    bucket = Bucket(10.0, 5.0)
    assert sum(bucket.take(0.0) for _ in range(8)) == 5
    assert sum(bucket.take(0.1 * number) for number in range(1, 21)) == 20
    assert sum(bucket.take(100.0) for _ in range(8)) == 5


def test_the_page_has_a_place_for_each_table() -> None:
    page = Path(program.PAGE).read_text()
    for name in ("limit 40", "limit 1,000", "publication", "assumptions", "factor", "lock"):
        table = program.replaced(page, {name: ["| a made table |"]})
        assert "| a made table |\n\n" in table


def test_the_plot_is_xml_and_names_each_line() -> None:
    found = [(name, simulate(fleet)) for name, fleet in tables.main_fleets([10, 100, 1000]) if fleet.limit == 40.0]
    drawn = program.drawn(found)
    assert drawn.startswith("<svg ")
    assert "prefers-color-scheme: dark" in drawn
    for name in (tables.NAMES[policies.AGENT], tables.SPREAD, tables.NAMES[policies.SCRIPTS]):
        assert f">{name}</text>" in drawn
    assert "nan" not in drawn and "inf" not in plot.draw("", [("", "", {"a": [(1.0, 1.0), (10.0, 5.0)]})])
