"""Have Teleport reload only when it can, and keep it in charge where its successor fails.

After SIGHUP Teleport waits two minutes for its successor. If that dies or hangs, nothing ends this wait: all signals
that come meanwhile stay in its queue, those to reload and those to stop. Connections are served as before. A process in
this state has a successor beside it, or a zombie of one. After a good reload the old process acts on no signal either,
until the last of its sessions has ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence

from teleport_bootstrap import errors, log, paths
from teleport_bootstrap.change import unit_action
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import probe, systemd, teleport_process

# Two minutes in Teleport; a heavily loaded machine may take some seconds to notice.
DEAF_SECONDS = 130.0
WHY = "Teleport acts on no signal for two minutes after a reload whose successor failed"

_WHY_DRAINING = "the Teleport from before the last reload is still ending its sessions, and acts on no signal"

# For what does act on a signal to end; the rest is killed then.
_STOP_SECONDS = 5.0

# A session that has just ended may look like a failed successor; Teleport looks after it at once.
_LOOKS = 4
_POLL_SECONDS = 0.5

# One to three seconds after its first start with new names or addresses Teleport reloads itself within its process, and
# a SIGHUP in that time would end it. An older process is past that; a younger one has to be ready for so long.
_YOUNG_SECONDS = 60.0
_READY_SECONDS = 5.0
_READY_DEADLINE_SECONDS = 30.0

# For a successor to end after SIGKILL, and for the old process to let go, if they were just changing places.
_END_SECONDS = 2.0

logger = log.Logger(__name__)


def is_deaf(process_id: int) -> bool:
    """Whether the Teleport in charge acts on no signal, as it waits for a successor; takes two seconds to say yes."""
    for number in range(_LOOKS):
        if number:
            clocks.SYSTEM.sleep(_POLL_SECONDS)
        if not _waits_for_successor(process_id):
            return False
    return True


def is_deaf_in(root: paths.Root, unit: str) -> bool:
    """Whether that is so of the Teleport in charge, and `unit` runs it."""
    process_id = teleport_process.in_charge(root) if systemd.is_running(root) else None
    return process_id is not None and unit in systemd.units_around(process_id) and is_deaf(process_id)


def _waits_for_successor(process_id: int) -> bool:
    successors = teleport_process.successors(process_id)
    return any(teleport_process.waits_for(process_id, each) for each in successors) or (
        teleport_process.has_dead_successor(process_id) and teleport_process.is_listening(process_id)
    )


def in_charge_when_reloadable(root: paths.Root) -> int | None:
    """Return the Teleport in charge, as soon as a reload would reach it, at the latest after DEAF_SECONDS.

    An earlier reload that is still under way ends meanwhile, one way or the other.
    """
    process_id = teleport_process.in_charge(root)
    if process_id is None or not systemd.is_running(root) or not is_deaf(process_id):
        return process_id
    logger.warning("%s; waiting for that to end, at most %.0f s", WHY, DEAF_SECONDS)
    clock = clocks.SYSTEM
    deadline = clock.monotonic() + DEAF_SECONDS
    while clock.monotonic() < deadline:
        process_id = teleport_process.in_charge(root)
        if process_id is None or not _waits_for_successor(process_id):
            break
        clock.sleep(_POLL_SECONDS)
    return process_id


def reload(root: paths.Root, unit: str, process_id: int) -> teleport_process.Predecessor:
    """Let the Teleport `process_id`, which is in charge of `unit`, start a successor; return what that has to replace.

    The caller has made sure that it is not deaf. Raises UnitTrouble.
    """
    _wait_until_settled(process_id)
    _correct_pid_file(root, process_id)
    predecessor = teleport_process.about_to_be_reloaded(process_id)
    systemd.reload_unit(unit)
    return predecessor


def _wait_until_settled(process_id: int) -> None:
    clock = clocks.SYSTEM
    began = clock.monotonic()
    ready_since: float | None = None
    if teleport_process.age(process_id) >= _YOUNG_SECONDS:
        return
    while clock.monotonic() - began < _READY_DEADLINE_SECONDS and teleport_process.is_alive(process_id):
        now = clock.monotonic()
        ready_since = (ready_since or now) if probe.readiness() == probe.READY else None
        if ready_since is not None and now - ready_since >= _READY_SECONDS:
            return
        clock.sleep(_POLL_SECONDS)


def keep_in_charge(root: paths.Root, process_id: int) -> bool:
    """End the successors of a Teleport that have not taken over, and return whether it serves on.

    Its own signals would not reach it: it is deaf until two minutes after the reload. The pid file names it again, so
    that the next reload does.
    """
    if not teleport_process.is_listening(process_id):
        return False
    before = teleport_process.successors(process_id)
    clocks.SYSTEM.sleep(_POLL_SECONDS)
    # Twice: for a moment each program that Teleport starts looks like a successor.
    for each in set(before).intersection(teleport_process.successors(process_id)):
        logger.info("ending process %d, which has not taken over from process %d", each, process_id)
        with contextlib.suppress(OSError):
            os.kill(each, signal.SIGKILL)
    clock = clocks.SYSTEM
    began = clock.monotonic()
    while clock.monotonic() - began < _END_SECONDS:
        clock.sleep(_POLL_SECONDS)
        if not teleport_process.is_listening(process_id):
            return False
    # It may hold no more than a copy of its listener. Nothing else is left that could answer.
    if probe.readiness() in (probe.NOT_LISTENING, probe.SILENT):
        return False
    _correct_pid_file(root, process_id)
    return True


def _correct_pid_file(root: paths.Root, process_id: int) -> None:
    try:
        teleport_process.write_pid_file(root, process_id)
    except OSError as error:
        logger.warning("%s still names another process: %s", root.path(paths.PID_FILE), error.strerror)


def stop_seconds(process_id: int | None, most: float) -> float:
    """Return for how long to wait for a stop: not for `most` where `process_id` would not act on the signal."""
    is_deaf = (
        process_id is not None
        and teleport_process.is_alive(process_id)
        and (not teleport_process.is_listening(process_id) or teleport_process.has_dead_successor(process_id))
    )
    return min(most, _STOP_SECONDS) if is_deaf else most


def stop_deaf(root: paths.Root, units: Sequence[str]) -> None:
    """Stop those of `units` by force whose Teleport would not act on the signal to stop. Raises UnitTrouble."""
    deaf = [unit for unit in units if is_deaf_in(root, unit)]
    if deaf:
        logger.warning("%s; stopping %s by force", WHY, ", ".join(deaf))
        systemd.stop_by_force(deaf, seconds=1.0)


def restart(root: paths.Root, unit: str, *, seconds: float) -> UnitAction:
    """Restart `unit`, by force where its Teleport would not act on the signal to stop; return what was done.

    Raises UnitTrouble, also where systemd takes longer than `seconds`.
    """
    process_id = teleport_process.in_charge(root)
    why = WHY if is_deaf_in(root, unit) else ""
    if not why and process_id is not None and teleport_process.predecessor(process_id) is not None:
        why = _WHY_DRAINING
    if not why:
        systemd.restart_now(unit, seconds=seconds)
        return UnitAction(unit, unit_action.RESTARTED)
    logger.warning("%s; restarting %s by force", why, unit)
    with contextlib.suppress(errors.UnitTrouble):
        systemd.restart_now(unit, seconds=min(seconds, _STOP_SECONDS))
        return UnitAction(unit, unit_action.RESTARTED)
    systemd.kill([unit])
    systemd.start_now(unit, seconds=seconds)
    return UnitAction(unit, unit_action.RESTARTED, f"by force, since {why}")
