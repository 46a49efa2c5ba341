"""Stopping Teleport while its data is read, and starting it again whatever happens."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.host import clock, process, systemd
from teleport_bootstrap.state import jobs

logger = logging.getLogger(__name__)

# Until systemd reports it active; `status` reports its health.
START_SECONDS = 30.0
POLL_SECONDS = 0.5

_RUNNING = ("active", "reloading", "activating")

CALL_SECONDS = 10.0


@contextlib.contextmanager
def stopped(root: paths.Root) -> Iterator[tuple[str, ...]]:
    """Stop Teleport's running units, and start them again after the body, however it ends.

    Gives their names, none without systemd. Raises UnitTrouble where one does not stop (then all are started again),
    and where one does not start.
    """
    units = running(root)
    if not units:
        yield ()
        return
    with _watched(root, units):
        logger.info("stopping %s for the backup", ", ".join(units))
        try:
            systemd.stop(units, wait=not systemd.is_inside_user_data())
            yield units
        finally:
            _start(units)


def running(root: paths.Root) -> tuple[str, ...]:
    """Return Teleport's running units. Raises UnitTrouble."""
    if not systemd.is_running(root):
        return ()
    installed = [unit for unit in unit_table.TELEPORT_SERVICES if systemd.is_installed(root, unit)]
    return tuple(unit for unit, state in systemd.states(installed).items() if state.active in _RUNNING)


def _start(units: Sequence[str]) -> None:
    logger.info("starting %s again", ", ".join(units))
    try:
        systemd.start(units)
        deadline = clock.SYSTEM.monotonic() + START_SECONDS
        while any(state.active != "active" for state in systemd.states(units).values()):
            if clock.SYSTEM.monotonic() > deadline:
                raise errors.UnitTrouble(f"{', '.join(units)} is not active {START_SECONDS:.0f} s after its start")
            clock.SYSTEM.sleep(POLL_SECONDS)
    except errors.UnitTrouble as error:
        raise errors.UnitTrouble(
            f"Teleport was stopped for the backup and could not be started again: {error.message}",
            hint=f"Start it: `systemctl start {' '.join(units)}`, and see `journalctl -b -u {units[0]}`.",
        ) from None


@contextlib.contextmanager
def _watched(root: paths.Root, units: Sequence[str]) -> Iterator[None]:
    """Have systemd start `units` again if this process is killed.

    A transient unit waits for the lock of this job, which the kernel releases when the process ends.
    """
    name = f"teleport-bootstrap-backup-{os.getpid()}.service"
    lock = root.path(jobs.lock_path(jobs.BACKUP))
    start = ["systemctl", "--no-ask-password", "start", "--no-block", *units]
    begun = process.run(
        ["systemd-run", "--quiet", "--collect", f"--unit={name}", "flock", lock, *start], timeout_seconds=CALL_SECONDS
    )
    if not begun.ok:
        logger.warning("Teleport will stay stopped if this command is killed: %s", begun.describe())
    try:
        yield
    finally:
        process.run(["systemctl", "--no-ask-password", "stop", name], timeout_seconds=CALL_SECONDS)
