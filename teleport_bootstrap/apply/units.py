"""Asking systemd for what a plan says, no more than is needed, and without waiting where that would never end."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from teleport_bootstrap import errors
from teleport_bootstrap.host import process, root, systemd
from teleport_bootstrap.plan import model

logger = logging.getLogger(__name__)


def require(where: root.Root, main: str) -> None:
    """Raise UnitTrouble where the running system does not have the unit `main` that is to be started."""
    if systemd.is_running(where) and not systemd.is_installed(where, main):
        raise errors.UnitTrouble(
            f"the unit {main} is not installed, so Teleport could not be started",
            hint="Install the teleport-bootstrap package again, or put its units into /etc/systemd/system.",
        )


def apply(where: root.Root, wanted: model.Units, *, units_changed: bool) -> tuple[str, ...]:
    """Bring the units to what `wanted` says and return what was done, in words.

    Units that are not installed are passed over. Under a root that is not a running system, units are enabled and
    disabled in its files, and nothing is started. Raises UnitTrouble.
    """
    if systemd.is_running(where):
        return tuple(_live(where, wanted, units_changed))
    return tuple(_offline(where, wanted))


def _live(where: root.Root, wanted: model.Units, units_changed: bool) -> list[str]:
    installed = [
        unit
        for unit in dict.fromkeys((*wanted.enable, *wanted.disable, *wanted.start, *wanted.stop))
        if systemd.is_installed(where, unit)
    ]
    states = systemd.states(installed)
    # Also where it was not this run that changed a file: the one that did may have been killed before it got here.
    if units_changed or any(state.is_stale for state in states.values()):
        systemd.reload()
    disable = [unit for unit in wanted.disable if unit in states and states[unit].enablement == "enabled"]
    stop = [unit for unit in wanted.stop if unit in states and states[unit].active not in ("inactive", "failed")]
    enable = [unit for unit in wanted.enable if unit in states and states[unit].enablement != "enabled"]
    start = [unit for unit in wanted.start if unit in states and states[unit].active != "active"]
    systemd.disable(where, disable)
    if stop:
        systemd.stop(stop, wait=not systemd.is_inside_user_data())
    systemd.enable(where, enable)
    systemd.start(start)
    absent = [unit for unit in wanted.enable if unit not in states]
    return _said(
        ("disabled", disable),
        ("stopped", stop),
        ("enabled", enable),
        ("asked to start", start),
        # Not silently: the certificates or tokens that such a timer sees to have to come from somewhere else.
        ("not installed, so left out:", absent),
    )


def _offline(where: root.Root, wanted: model.Units) -> list[str]:
    disable = [unit for unit in wanted.disable if systemd.is_installed(where, unit)]
    enable = [unit for unit in wanted.enable if systemd.is_installed(where, unit)]
    if not (disable or enable):
        return []
    if process.run(["systemctl", "--version"], timeout_seconds=10).status == 127:
        return [f"systemctl is not here: nothing was enabled under {where.directory}"]
    systemd.disable(where, disable)
    systemd.enable(where, enable)
    return _said(("enabled", enable))


def _said(*groups: tuple[str, Sequence[str]]) -> list[str]:
    done = [f"{verb} {', '.join(units)}" for verb, units in groups if units]
    for line in done:
        logger.info("systemd: %s", line)
    return done
