"""The protocol of the lock, as a model: whatever happens in whatever order, at most one host treats it as its own.

The model runs the agent's own code. Protocols with a fault show that the model finds faults.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teleport_bootstrap.cluster import lock, lock_item
from tests.unit.cluster import lock_model
from tests.unit.cluster.lock_model import TERMS, TwoHolders, World

STEPS = 150
RUNS = 400


def chance(seed: int) -> Callable[[int], int]:
    return random.Random(seed).randrange


@settings(max_examples=60)
@given(st.data())
def test_no_two_hosts_hold_the_lock_at_once(data: st.DataObject) -> None:
    World(lambda ways: data.draw(st.integers(0, ways - 1))).live(80)


def test_no_two_hosts_hold_the_lock_in_long_lives_with_many_mishaps() -> None:
    taken = contended = 0
    for seed in range(RUNS):
        world = World(chance(seed), hosts=2 + seed % 4)
        world.live(STEPS)
        taken += world.taken
        contended += world.contended
    # Otherwise the test shows nothing: the lock has to be taken, and contended for.
    assert taken > RUNS and contended > RUNS


# ---------------------------------------------------------------- protocols with a fault


def _counted_from_the_answer(item: lock_item.Item, moment: lock_item.Moment, terms: lock.Terms) -> float:
    late = lock_item.Moment(moment.date, moment.received, moment.received)
    return item.ends - terms.margin_seconds - late.latest(0.0)  # type: ignore[operator]


def _believed_to_the_end(item: lock_item.Item, moment: lock_item.Moment, terms: lock.Terms) -> float:
    return item.ends - moment.latest(0.0)  # type: ignore[operator]


def _swap_without_a_condition(world: World, before: lock_item.Item, after: lock_item.Item) -> bool:
    world.item = after
    return True


def _swap_where_it_looks_free(world: World, before: lock_item.Item, after: lock_item.Item) -> bool:
    """The contract's condition alone, which a write that arrives late can meet as well."""
    item = world.item
    if item is not None and after is not None and item.process != after.process and item.ends > world.now:
        return False
    world.item = after
    return True


def _confirmed_by_hope(lease: lock.Lease) -> None:
    """A renewal that counts though it may never have been made."""
    lease.check()
    with lease._guard:
        lease._until += 5.0


@pytest.mark.parametrize(
    ("place", "name", "fault"),
    [
        (lock, "_certain_until", _counted_from_the_answer),
        (lock, "_certain_until", _believed_to_the_end),
        (World, "swap", _swap_without_a_condition),
        (World, "swap", _swap_where_it_looks_free),
        (lock.Lease, "renew", _confirmed_by_hope),
    ],
    ids=lambda each: getattr(each, "__name__", str(each)),
)
def test_the_model_finds_a_fault(place: object, name: str, fault: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, name, fault)
    with pytest.raises(TwoHolders):
        for seed in range(RUNS):
            World(chance(seed)).live(STEPS)


def test_a_margin_smaller_than_the_error_of_an_older_images_clock_is_a_fault() -> None:
    careless = lock.Terms(TERMS.lease_seconds, 1.0, TERMS.renew_seconds)
    with pytest.raises(TwoHolders, match="old-"):
        for seed in range(RUNS):
            World(chance(seed), terms=careless).live(STEPS)


# ---------------------------------------------------------------- that it is taken at all


def test_after_the_death_of_its_holder_another_host_gets_it_when_it_has_ended_and_not_before() -> None:
    world = World(chance(0))
    first, second = world._hosts[:2]

    def run(host: lock_model.Host) -> bool:
        """Start a process, answer all it asks, and say whether it got the lock."""
        host.process = lock_model.Process(world, host)
        host.process.begin()
        while not host.process.ended and host.process.lease is None:
            host.process.resume()
        return host.process.lease is not None

    assert run(first)
    assert first.process is not None
    first.process.die()
    world.now += TERMS.lease_seconds - 2
    assert not run(second)
    world.now += 3
    assert run(second)
    assert second.process is not None
    second.process.die()
    # Its own host may go on at once: the file lock has told that the process is gone.
    assert run(second)
    second.process.die()
