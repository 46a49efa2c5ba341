"""What was asked of systemd for a unit, as a value for programs and as lines for people."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from teleport_bootstrap.records import dataclass

ENABLED = "enabled"
DISABLED = "disabled"
STOPPED = "stopped"
RELOADED = "reloaded"
RESTARTED = "restarted"
# Nothing waited for these.
START_REQUESTED = "start-requested"
RESTART_REQUESTED = "restart-requested"
STOPPED_AND_STARTED = "stopped-and-started"
# Not done, for a reason.
LEFT_OUT = "left-out"
NOT_ENABLED = "not-enabled"

ALL = (
    *(ENABLED, DISABLED, STOPPED, RELOADED, RESTARTED, START_REQUESTED, RESTART_REQUESTED, STOPPED_AND_STARTED),
    *(LEFT_OUT, NOT_ENABLED),
)

_VERBS = {
    START_REQUESTED: "asked to start",
    RESTART_REQUESTED: "asked to restart",
    STOPPED_AND_STARTED: "stopped and started",
    LEFT_OUT: "left out",
    NOT_ENABLED: "did not enable",
}


@dataclass(frozen=True)
class UnitAction:
    """One of the words above, done to `unit`; `reason` says why, where the word does not."""

    unit: str
    action: str
    reason: str | None = None


def for_each(action: str, units: Iterable[str], reason: str | None = None) -> tuple[UnitAction, ...]:
    """Return the same action for each of `units`."""
    return tuple(UnitAction(unit, action, reason) for unit in units)


def lines(actions: Iterable[UnitAction]) -> tuple[str, ...]:
    """Return a line for each group of equal actions that follow each other."""
    groups = itertools.groupby(actions, key=lambda each: (each.action, each.reason))
    return tuple(
        f"{_VERBS.get(action, action)} {', '.join(each.unit for each in mine)}{f': {reason}' if reason else ''}"
        for (action, reason), mine in groups
    )
