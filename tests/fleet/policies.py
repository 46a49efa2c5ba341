"""What one host does until it has its token: the agent of today, the one before, and the shell scripts.

The agent's own objects decide when it asks again: teleport_bootstrap.host.pacing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap.host import pacing, retry
from teleport_bootstrap.operations import generate
from tests.fleet.simulation import OK, THROTTLED, Host, Request, World

# From the start of one process of the agent to its first request, and of systemd to the next run of a service.
PROCESS_SECONDS = 0.25
RESTART_SECONDS = 60.0
PUBLISH_WAIT_SECONDS = 900.0


@dataclass(frozen=True)
class Setting:
    """The fleet and its services: `parameters` answers a call for the token, `started` draws when a host begins."""

    parameters: Callable[[float], str]
    started: Callable[[], float]
    spread_seconds: float = 0.0


Policy = Callable[[World, Setting], Host]


def crowd(world: World, setting: Setting) -> Host:
    """The agent: `generate` asks once, then `fetch-secrets --publish-wait 900` in turn."""
    yield setting.started()
    request = Request(setting.parameters)
    if not setting.spread_seconds and (yield request) == OK:
        world.counts.joined.append(world.now)
        return
    while True:
        yield PROCESS_SECONDS
        if (yield from fetch_in_crowd(world, setting.spread_seconds, request)):
            world.counts.joined.append(world.now)
            return
        world.counts.failed_runs += 1
        yield RESTART_SECONDS


def fetch_in_crowd(world: World, spread_seconds: float, request: Request) -> Generator[Any, Any, bool]:
    """Do what `fetch-secrets --publish-wait 900` does; return whether there is a token at its end."""
    rule = pacing.Crowd(world.clock)
    deadline = retry.Deadline(PUBLISH_WAIT_SECONDS, world.clock)
    pending = retry.pauses_until_published(PUBLISH_WAIT_SECONDS)
    yield rule.turn(spread_seconds)
    while True:
        answer = yield request
        if answer == OK:
            return True
        pause = rule.after_throttled() if answer == THROTTLED else None
        if pause is None:
            if deadline.remaining() < pending.first:
                return False
            pause = world.clock.chance() * min(pending.limit(), deadline.remaining())
        yield pause


def jitter(world: World, setting: Setting) -> Host:
    """The agent before: pauses of at most eight seconds, for ten seconds in `generate`, then for a minute at a time."""
    yield setting.started()
    request = Request(setting.parameters)
    if (yield from persist(world, request, generate.FETCHED_LATER_SECONDS)) == OK:
        world.counts.joined.append(world.now)
        return
    while True:
        yield PROCESS_SECONDS
        deadline = retry.Deadline(PUBLISH_WAIT_SECONDS, world.clock)
        pending = retry.pauses_until_published(PUBLISH_WAIT_SECONDS)
        while True:
            if (yield from persist(world, request, 60.0)) == OK:
                world.counts.joined.append(world.now)
                return
            if deadline.remaining() < pending.first:
                break
            yield world.clock.chance() * min(pending.limit(), deadline.remaining())
        world.counts.failed_runs += 1
        yield RESTART_SECONDS


def persist(world: World, request: Request, seconds: float) -> Generator[Any, Any, str]:
    """Ask for up to `seconds`, with the pauses of what a host asks by itself."""
    deadline = retry.Deadline(seconds, world.clock)
    pauses = pacing.Jitter(first=retry.FIRST_PAUSE_SECONDS, longest=retry.LONGEST_PAUSE_SECONDS)
    while True:
        answer: str = yield request
        room = deadline.remaining() - seconds / 10
        if answer != THROTTLED or room < retry.FIRST_PAUSE_SECONDS:
            return answer
        yield world.clock.chance() * min(pauses.limit(), room)


def scripts(world: World, setting: Setting) -> Host:
    """The shell scripts: three parameters, one call for each, no second one."""
    yield from _scripts(world, setting, attempts=1)


def scripts_and_cli(world: World, setting: Setting) -> Host:
    """The same, where the AWS CLI tries each call three times, as it does by itself in its mode `standard`."""
    yield from _scripts(world, setting, attempts=3)


def _scripts(world: World, setting: Setting, *, attempts: int) -> Host:
    yield setting.started()
    request = Request(setting.parameters)
    complete = True
    for _ in range(3):
        for number in range(attempts):
            answer = yield request
            if answer != THROTTLED:
                break
            if number + 1 < attempts:
                yield world.clock.chance() * 2.0**number
        complete = complete and answer == OK
    if complete:
        world.counts.joined.append(world.now)
    else:
        world.counts.failed_runs += 1
        world.counts.lost += 1


AGENT, BEFORE, SCRIPTS, SCRIPTS_CLI = "agent", "before", "scripts", "scripts-cli"
POLICIES: dict[str, Policy] = {AGENT: crowd, BEFORE: jitter, SCRIPTS: scripts, SCRIPTS_CLI: scripts_and_cli}
