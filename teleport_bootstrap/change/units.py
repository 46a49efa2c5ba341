"""Ask systemd for what a plan needs, no more, and without a wait that could never end."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from teleport_bootstrap import errors, log, paths, unit_table
from teleport_bootstrap.change import handover, unit_action
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.host import process, systemd, teleport_process
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import dataclass

RELOAD = "reload"
RESTART = "restart"

States = Mapping[str, systemd.State]

RUNS = ("active", "reloading", "activating")
# A unit in one of these states was meant to run.
RAN = (*RUNS, "deactivating")
AT_REST = ("inactive", "failed", "unknown")

# What may write to the data directory or to the configuration. Timers first: what they start comes after.
_TIMERS = (*unit_table.TIMERS, unit_table.BACKUP.timer)
_SERVICES = tuple(systemd.service_of(timer) for timer in _TIMERS)
WRITERS = (*_TIMERS, *_SERVICES, *unit_table.TELEPORT_SERVICES)

logger = log.Logger(__name__)


def require(root: paths.Root, main: str) -> None:
    """Raise UnitTrouble where the running system does not have the unit `main` that is to be started."""
    if systemd.is_running(root) and not systemd.is_installed(root, main):
        raise errors.UnitTrouble(
            f"the unit {main} is not installed, so Teleport could not be started",
            hint="Install the teleport-bootstrap package again, or put its units into /etc/systemd/system.",
        )


@dataclass(frozen=True)
class Due:
    """What `apply` asks systemd for: units that are not as they are wanted; `missing` are not installed."""

    disable: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    enable: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def due(wanted: plan_model.Units, states: States) -> Due:
    """Return what is due where the installed units among `wanted` are in `states`."""
    return Due(
        disable=tuple(unit for unit in wanted.disable if unit in states and states[unit].enablement == "enabled"),
        stop=tuple(
            unit for unit in wanted.stop if unit in states and states[unit].active not in ("inactive", "failed")
        ),
        enable=tuple(unit for unit in wanted.enable if unit in states and states[unit].enablement != "enabled"),
        start=tuple(unit for unit in wanted.start if unit in states and states[unit].active != "active"),
        missing=tuple(unit for unit in wanted.enable if unit not in states),
    )


def due_here(root: paths.Root, wanted: plan_model.Units) -> Due:
    """Return what is due on this host; changes nothing. Where no systemd runs, nothing can be started or stopped.

    Raises UnitTrouble.
    """
    installed = _installed(root, wanted)
    if systemd.is_running(root):
        return due(wanted, systemd.states(installed))
    enabled = {unit: systemd.is_enabled_offline(root, unit) for unit in installed}
    return Due(
        disable=tuple(unit for unit in wanted.disable if enabled.get(unit)),
        enable=tuple(unit for unit in wanted.enable if enabled.get(unit) is False),
        missing=tuple(unit for unit in wanted.enable if unit not in enabled),
    )


def _installed(root: paths.Root, wanted: plan_model.Units) -> list[str]:
    named = dict.fromkeys((*wanted.enable, *wanted.disable, *wanted.start, *wanted.stop))
    return [unit for unit in named if systemd.is_installed(root, unit)]


def apply(
    root: paths.Root, wanted: plan_model.Units, *, units_changed: bool, stop_seconds: float = systemd.STOP_SECONDS
) -> tuple[UnitAction, ...]:
    """Enable, disable, start and stop units as `wanted` says; return what was done.

    Units that are not installed are skipped. Under a root that is not a running system, units are enabled and
    disabled in its files, and nothing is started. Raises UnitTrouble, also where a stop takes longer than
    `stop_seconds`.
    """
    installed = _installed(root, wanted)
    if not systemd.is_running(root):
        return _offline(root, wanted, installed)
    states = systemd.states(installed)
    asked = due(wanted, states)
    # Also when this run changed no file: an earlier one that did may have been killed before it came this far. What
    # disables and enables units lets systemd read all files again anyway, which takes a tenth of a second of a boot.
    if (units_changed or any(state.is_stale for state in states.values())) and not (asked.disable or asked.enable):
        systemd.reload()
    systemd.disable(root, asked.disable)
    if asked.stop:
        wait = not systemd.is_inside_user_data()
        if wait:
            handover.stop_deaf(root, asked.stop)
        systemd.stop(asked.stop, wait=wait, seconds=stop_seconds)
    systemd.enable(root, asked.enable)
    systemd.start(asked.start)
    return _logged(
        *unit_action.for_each(unit_action.DISABLED, asked.disable),
        *unit_action.for_each(unit_action.STOPPED, asked.stop),
        *unit_action.for_each(unit_action.ENABLED, asked.enable),
        *unit_action.for_each(unit_action.START_REQUESTED, asked.start),
        # Not silently: the certificates or tokens of such a timer then have to come from elsewhere.
        *unit_action.for_each(unit_action.LEFT_OUT, asked.missing, "not installed"),
    )


def main_unit(
    root: paths.Root,
    unit: str,
    *,
    before: systemd.State,
    action: str,
    process_id: int | None = None,
    wait: bool = True,
    seconds: float = systemd.STOP_SECONDS,
) -> tuple[tuple[UnitAction, ...], teleport_process.Predecessor | None]:
    """Reload or restart the unit, which was in the state `before`; return what was done.

    After a reload, the process that a successor has to replace comes with it.

    `action` is RELOAD or RESTART. `apply` starts a unit that did not run. `process_id` is the Teleport in
    charge: only one that has said so can be reloaded. One that acts on no signal is restarted by force. Raises
    UnitTrouble, also where systemd takes longer than `seconds`; nothing is waited for where `wait` is false.
    """
    if not systemd.is_running(root) or before.active not in ("active", "reloading", "activating", "failed"):
        return (), None
    if not wait:
        systemd.restart([unit])
        return unit_action.for_each(unit_action.RESTART_REQUESTED, [unit]), None
    if (
        action == RELOAD
        and process_id is not None
        and before.active == "active"
        and unit in systemd.units_around(process_id)
        and teleport_process.is_alive(process_id)
        and not handover.is_deaf(process_id)
    ):
        predecessor = handover.reload(root, unit, process_id)
        return unit_action.for_each(unit_action.RELOADED, [unit]), predecessor
    return (handover.restart(root, unit, seconds=seconds),), None


def remember(root: paths.Root, wanted: plan_model.Units, *, also: Sequence[str] = ()) -> States:
    """Return the state of each unit that `wanted` names, and of those in `also`; nothing where no systemd runs.

    Raises UnitTrouble.
    """
    if not systemd.is_running(root):
        return {}
    named = dict.fromkeys((*also, *wanted.enable, *wanted.disable))
    return systemd.states([unit for unit in named if systemd.is_installed(root, unit)])


def running(states: States) -> str | None:
    """Return the unit that runs Teleport according to `states`, None where none does."""
    ran = (unit for unit in unit_table.TELEPORT_SERVICES if unit in states and states[unit].active in RAN)
    return next(ran, None)


def to_start_again(states: States) -> tuple[str, ...]:
    """Return the units that ran according to `states` and are started by themselves: Teleport's, and timers."""
    return tuple(unit for unit, state in states.items() if state.active in RAN and unit not in _SERVICES)


def stop_all(root: paths.Root, states: States, *, seconds: float) -> None:
    """Stop the units of WRITERS that run according to `states`, by force after `seconds`. Raises UnitTrouble."""
    if not systemd.is_running(root):
        return
    mine = systemd.units_around()
    for group in (_TIMERS, _SERVICES, unit_table.TELEPORT_SERVICES):
        ran = [unit for unit in group if unit not in mine and states.get(unit, systemd.State()).active not in AT_REST]
        if ran:
            logger.info("stopping %s", ", ".join(ran))
            if group is unit_table.TELEPORT_SERVICES:
                handover.stop_deaf(root, ran)
            systemd.stop_by_force(ran, seconds=min(max(seconds, 1.0), systemd.STOP_SECONDS))


def start_other_timers(root: paths.Root, states: States, wanted: plan_model.Units) -> None:
    """Start the timers that ran according to `states` and that `wanted` does not name, such as that of the backups."""
    named = {*wanted.enable, *wanted.disable}
    others = [unit for unit in to_start_again(states) if unit not in named and unit.endswith(".timer")]
    with contextlib.suppress(errors.UnitTrouble):
        apply(root, plan_model.Units(start=tuple(others)), units_changed=False)


def as_remembered(states: States) -> plan_model.Units:
    """Return what to ask of systemd so that units are again in `states`."""
    ran = tuple(unit for unit, state in states.items() if state.active not in ("inactive", "unknown"))
    enabled = tuple(unit for unit, state in states.items() if state.enablement == "enabled")
    others = tuple(unit for unit in states if unit not in enabled)
    return plan_model.Units(enabled, others, ran, tuple(unit for unit in states if unit not in ran))


def _offline(root: paths.Root, wanted: plan_model.Units, installed: Sequence[str]) -> tuple[UnitAction, ...]:
    disable = [unit for unit in wanted.disable if unit in installed]
    enable = [unit for unit in wanted.enable if unit in installed]
    if not (disable or enable):
        return ()
    asked = process.run(["systemctl", "--version"], most_bytes=process.SHORT, timeout_seconds=10)
    if asked.status == process.NOT_RUN:
        return unit_action.for_each(unit_action.NOT_ENABLED, enable, f"systemctl is not here, for {root.directory}")
    were_enabled = [unit for unit in disable if systemd.is_enabled_offline(root, unit)]
    try:
        systemd.disable(root, disable)
        systemd.enable(root, enable)
    except errors.UnitTrouble:
        # The files of the previous state are restored; without this, none of its units would start at the next boot.
        with contextlib.suppress(errors.UnitTrouble):
            systemd.enable(root, were_enabled)
        raise
    return _logged(*unit_action.for_each(unit_action.ENABLED, enable))


def _logged(*done: UnitAction) -> tuple[UnitAction, ...]:
    for line in unit_action.lines(done):
        logger.info("systemd: %s", line)
    return done
