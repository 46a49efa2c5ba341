"""The units that have to rest while a host's data is exchanged, and that run again afterwards."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.change import revert, units
from teleport_bootstrap.host import systemd
from teleport_bootstrap.plan import plan_model

logger = logging.getLogger(__name__)

# What may write to the data directory or to the configuration. Timers first: what they start comes after.
_TIMERS = (*unit_table.TIMERS, unit_table.BACKUP.timer)
_SERVICES = tuple(systemd.service_of(timer) for timer in _TIMERS)
ALL = (*_TIMERS, *_SERVICES, *unit_table.TELEPORT_SERVICES)


def remember(root: paths.Root, wanted: plan_model.Applicable | None) -> dict[str, systemd.State]:
    """Return how each of these units stands now; nothing where no systemd runs. Raises UnitTrouble."""
    if not systemd.is_running(root):
        return {}
    named = [*ALL, *(wanted.units.enable if wanted is not None else ())]
    return systemd.states([unit for unit in dict.fromkeys(named) if systemd.is_installed(root, unit)])


def running(stood: Mapping[str, systemd.State]) -> tuple[str, ...]:
    """Return those that ran and go on by themselves: Teleport's, and timers."""
    return tuple(unit for unit, state in stood.items() if state.active in revert.RAN and (unit not in _SERVICES))


def stop(root: paths.Root, stood: Mapping[str, systemd.State], *, seconds: float) -> None:
    """Stop those that run, by force where they take longer than `seconds`. Raises UnitTrouble."""
    if not systemd.is_running(root):
        return
    mine = systemd.units_around()
    for group in (_TIMERS, _SERVICES, unit_table.TELEPORT_SERVICES):
        ran = [unit for unit in group if unit not in mine and stood.get(unit, systemd.State()).active not in _AT_REST]
        if ran:
            logger.info("stopping %s", ", ".join(ran))
            systemd.stop_by_force(ran, seconds=min(max(seconds, 1.0), systemd.STOP_SECONDS))


_AT_REST = ("inactive", "failed", "unknown")


def as_before(root: paths.Root, stood: Mapping[str, systemd.State]) -> None:
    """Start what ran, after nothing has changed; where systemd does not take that, say so and go on."""
    if not systemd.is_running(root):
        return
    ran = running(stood)
    try:
        systemd.start([unit for unit, state in systemd.states(ran).items() if state.active in _AT_REST])
    except errors.UnitTrouble as error:
        logger.warning("%s ran before and could not be started again: %s", ", ".join(ran), error.message)


def start_others(root: paths.Root, stood: Mapping[str, systemd.State], wanted: plan_model.Applicable) -> None:
    """Start the timers that ran before and that the new state says nothing of, such as that of the backups."""
    known = {*wanted.units.enable, *wanted.units.disable}
    others = [unit for unit in running(stood) if unit not in known and unit.endswith(".timer")]
    with contextlib.suppress(errors.UnitTrouble):
        units.apply(root, plan_model.Units(start=tuple(others)), units_changed=False)
