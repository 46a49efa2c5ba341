"""The tables of docs/fleets.md, as Markdown, from what the simulation found."""

from __future__ import annotations

import math
from collections.abc import Sequence

from teleport_bootstrap.host import pacing
from tests.fleet import lock, policies, scenarios
from tests.fleet.scenarios import DEFAULT_LIMIT, RAISED_LIMIT, SIZES, Fleet, Outcome, planned_spread, simulate

NAMES = {
    policies.AGENT: "this agent",
    policies.BEFORE: "with equal pauses",
    policies.SCRIPTS: "shell scripts",
    policies.SCRIPTS_CLI: "shell scripts, AWS CLI retries",
}
SPREAD = "this agent, spread"
# Beyond this, the pauses that were used before take hours to simulate, and fail.
_LARGEST_BEFORE = 10_000
# Fewer hosts are not spread.
_SMALLEST_SPREAD = 1000


def main_fleets(sizes: Sequence[int] = SIZES) -> list[tuple[str, Fleet]]:
    """Return each policy with each size and limit, with the name of its row."""
    found: list[tuple[str, Fleet]] = []
    for limit in (DEFAULT_LIMIT, RAISED_LIMIT):
        for size in sizes:
            found.append((NAMES[policies.AGENT], Fleet(policies.AGENT, size, limit)))
            if size >= _SMALLEST_SPREAD and planned_spread(size, limit) >= 1:
                spread = planned_spread(size, limit)
                found.append((SPREAD, Fleet(policies.AGENT, size, limit, spread)))
            for policy in (policies.BEFORE, policies.SCRIPTS, policies.SCRIPTS_CLI):
                if policy != policies.BEFORE or size <= _LARGEST_BEFORE:
                    found.append((NAMES[policy], Fleet(policy, size, limit)))
    return found


def main_table(found: Sequence[tuple[str, Outcome]], limit: float) -> list[str]:
    """Return the table of all sizes with one limit."""
    lines = [
        "| instances | rule | last token after | of the shortest time | calls per instance | without a token |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for name, outcome in found:
        if outcome.fleet.limit == limit:
            times = f"{outcome.times:.2f}" if outcome.joined == outcome.fleet.size else "–"
            lines.append(
                f"| {outcome.fleet.size:,} | {name} | {seconds(outcome.last)} | {times} | {outcome.calls_each:.2f} "
                f"| {outcome.fleet.size - outcome.joined:,} |"
            )
    return lines


def growth_table() -> list[str]:
    """Return what other factors than pacing.GROWTH would give."""
    lines = [
        "| factor | last of 1,000 | calls each | last of 10,000 | calls each |",
        "|---:|---:|---:|---:|---:|",
    ]
    used = pacing.GROWTH
    for growth in (1.15, 1.25, 1.4, 1.5, 2.0, 3.0, 4.0):
        pacing.GROWTH = growth
        try:
            few, many = (simulate(Fleet(policies.AGENT, size)) for size in (1000, 10_000))
        finally:
            pacing.GROWTH = used
        cells = [f"{each.times:.2f} | {each.calls_each:.1f}" for each in (few, many)]
        lines.append(f"| {growth}{' (used)' if growth == used else ''} | {' | '.join(cells)} |")
    return lines


def assumption_table() -> list[str]:
    """Return how 10,000 hosts fare where something is not as assumed."""
    size = 10_000
    spread = planned_spread(size, DEFAULT_LIMIT)
    rows = [
        ("as assumed", Fleet(policies.AGENT, size)),
        ("bucket of 5 s instead of 1 s", Fleet(policies.AGENT, size, burst=5 * DEFAULT_LIMIT)),
        ("bucket of a quarter of a second", Fleet(policies.AGENT, size, burst=DEFAULT_LIMIT / 4)),
        ("refused calls count like others", Fleet(policies.AGENT, size, counts_refused=True)),
        (
            "launched at EC2's own rate, 1,000 and 2 a second",
            Fleet(policies.AGENT, size, launched_per_second=2.0),
        ),
        (f"spread over {spread:.0f} s, as planned", Fleet(policies.AGENT, size, spread_seconds=spread)),
        (f"spread over {spread / 2:.0f} s, half of it", Fleet(policies.AGENT, size, spread_seconds=spread / 2)),
        (f"spread over {spread * 2:.0f} s, twice as much", Fleet(policies.AGENT, size, spread_seconds=spread * 2)),
    ]
    lines = ["| 10,000 instances | last token after | calls per instance | without a token |", "|---|---:|---:|---:|"]
    for name, fleet in rows:
        found = simulate(fleet)
        lines.append(f"| {name} | {seconds(found.last)} | {found.calls_each:.2f} | {fleet.size - found.joined:,} |")
    return lines


def publication_table() -> list[str]:
    """Return how fleets fare whose auth server publishes the token only a while after they have started."""
    lines = [
        "| instances | rule | published after | last token after | calls per instance | failed runs |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for size in (100, 1000, 10_000):
        for policy in (policies.AGENT, policies.BEFORE):
            found = simulate(Fleet(policy, size, publishes_at=90.0))
            lines.append(
                f"| {size:,} | {NAMES[policy]} | {seconds(found.published)} | {seconds(found.last)} "
                f"| {found.calls_each:.1f} | {found.failed_runs:,} |"
            )
    return lines


def lock_table() -> list[str]:
    """Return how auth servers fare that want the lock at the same moment."""
    lines = [
        "| auth servers | table takes | had it after | requests | throttled | left it to the others |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for servers in (2, 3, 5, 10):
        for rate, name in ((1000.0, "1,000 a second"), (5.0, "5 a second")):
            found = lock.contend(servers, seed=scenarios.SEED, rate=rate)
            lines.append(
                f"| {servers} | {name} | {seconds(max(found.done))} | {found.requests} | {found.throttled} "
                f"| {found.gave_up} |"
            )
    return lines


def seconds(value: float) -> str:
    """Return a time for people."""
    if math.isinf(value):
        return "–"
    if value < 100:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 600 else f"{value / 60:.0f} min"
