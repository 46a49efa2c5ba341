"""Wait until Teleport is healthy, or until it is clear that it will not be."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap import paths
from teleport_bootstrap.change import pending_files
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import probe, systemd
from teleport_bootstrap.plan import plan_model, services
from teleport_bootstrap.state import generations

logger = logging.getLogger(__name__)

DEADLINE_SECONDS = 120.0
POLL_SECONDS = 0.5
# /readyz can flap while Teleport starts: one good answer is not enough.
GOOD_ANSWERS = 3
# Teleport's units restart it without limit; one that has ended twice since it was asked for will go on doing so.
ENDS_TO_GIVE_UP = 2
# Much longer than systemd takes to start a unit, and a reloaded Teleport to start its successor.
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Verdict:
    """Whether Teleport is healthy, and what was seen last.

    With `pending`, its unit waits for files, which counts as healthy. `process_id` is the process that was looked at.
    """

    healthy: bool
    seen: str
    pending: bool = False
    process_id: int | None = None


@dataclass(frozen=True)
class Subject:
    """What to look at: the unit, the document that Teleport reads, and whether its web port speaks plain HTTP.

    `wanted` says which files the unit waits for, None where that is unknown. `successor_of` is the process that a
    reload has to replace: it answers as before while its successor fails.
    """

    unit: str
    document: Mapping[str, Any]
    plain_http: bool
    wanted: plan_model.Applicable | None = None
    successor_of: int | None = None


def subject(generation: generations.Generation) -> Subject:
    """Return what to look at where `generation` is applied."""
    return Subject(generation.unit, generation.document, generation.plain_http, generation)


def wait(root: paths.Root, watched: Subject, *, seconds: float) -> Verdict:
    """Return as soon as Teleport is healthy or cannot become so, at the latest after `seconds`. Raises UnitTrouble."""
    clock = clocks.SYSTEM
    restarts = systemd.states([watched.unit])[watched.unit].restarts
    began, good, last = clock.monotonic(), 0, Verdict(False, "")
    logger.info("waiting for %s to become healthy, at most %.0f s", watched.unit, seconds)
    while True:
        state = systemd.states([watched.unit])[watched.unit]
        verdict = look(root, watched, state)
        passed = clock.monotonic() - began
        good = good + 1 if verdict.healthy and verdict.process_id == last.process_id else int(verdict.healthy)
        if verdict.pending or good >= GOOD_ANSWERS:
            logger.info("%s: %s after %.0f s", watched.unit, verdict.seen, passed)
            return verdict
        if verdict.seen != last.seen:
            logger.info("%s: %s", watched.unit, verdict.seen)
        last = verdict
        hopeless = _hopeless(watched, state, restarts, passed)
        if hopeless:
            return Verdict(False, f"{verdict.seen}; {hopeless}")
        if passed >= seconds:
            return Verdict(False, f"{verdict.seen}, {seconds:.0f} s after it was asked to start")
        clock.sleep(POLL_SECONDS)


def look(root: paths.Root, watched: Subject, state: systemd.State) -> Verdict:
    """Return the health of Teleport right now, whose unit is in `state`."""
    if state.active == "inactive" and watched.wanted is not None and pending_files.files(root, watched.wanted):
        return Verdict(True, "; ".join(pending_files.describe(root, watched.wanted)), pending=True)
    if state.active not in ("active", "reloading"):
        return Verdict(False, f"the unit is {state.active} ({state.sub})")
    process_id = probe.process_id(root)
    if watched.successor_of is not None and process_id in (None, watched.successor_of):
        return Verdict(False, f"process {watched.successor_of} has not handed over to its successor")
    # Another process may answer on these ports; the unit's own Teleport writes its pid file when it has started.
    if process_id is None or watched.unit not in systemd.units_around(process_id):
        return Verdict(False, f"process {state.main_pid} has not written its pid file")
    trouble = _trouble(watched)
    if trouble:
        return Verdict(False, trouble)
    return Verdict(True, "ready", process_id=process_id)


def _trouble(watched: Subject) -> str:
    """Return what Teleport's own answers say is wrong, empty for nothing."""
    ready = probe.readiness()
    web = services.web_address(dict(watched.document))
    if ready != probe.READY or web is None:
        return "" if ready == probe.READY else f"Teleport is {ready}"
    scheme = "http" if watched.plain_http else "https"
    host = f"[{web.reachable_host}]" if ":" in web.reachable_host else web.reachable_host
    return probe.web_trouble(f"{scheme}://{host}:{web.port}/webapi/ping")


def _hopeless(watched: Subject, state: systemd.State, restarts_before: int, passed: float) -> str:
    """Return why waiting is useless, empty where it is not."""
    # Not at once: it may have failed earlier, with its new start still to come.
    if state.active == "failed" and passed >= GRACE_SECONDS:
        return "it will not be started again"
    if state.restarts - restarts_before >= ENDS_TO_GIVE_UP:
        return "it keeps ending"
    if (
        watched.successor_of is not None
        and passed >= GRACE_SECONDS
        and watched.unit in systemd.units_around(watched.successor_of)
        and not probe.successors(watched.successor_of)
    ):
        return "the successor has ended"
    return ""
