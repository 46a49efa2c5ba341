"""Teleport stopped while its data is read, and started again whatever happens."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.host import clock, process, systemd
from teleport_bootstrap.state import jobs

logger = logging.getLogger(__name__)

# Until systemd says that it runs; whether it is well, `status` tells.
START_SECONDS = 30.0
POLL_SECONDS = 0.5

_RUNNING = ("active", "reloading", "activating")

CALL_SECONDS = 10.0


@contextlib.contextmanager
def stopped(root: paths.Root) -> Iterator[tuple[str, ...]]:
    """Stop those of Teleport's units that run, and start them again when the body is over, however it ends.

    Gives their names; none where none runs, or no systemd. Raises UnitTrouble where one does not stop, after which it
    has been asked to start again, and where one does not start.
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
    """Return those of Teleport's units that run. Raises UnitTrouble."""
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
                raise errors.UnitTrouble(f"{', '.join(units)} does not run {START_SECONDS:.0f} s after it was started")
            clock.SYSTEM.sleep(POLL_SECONDS)
    except errors.UnitTrouble as error:
        raise errors.UnitTrouble(
            f"Teleport was stopped for the backup and does not run again: {error.message}",
            hint=f"Start it: `systemctl start {' '.join(units)}`, and see `journalctl -b -u {units[0]}`.",
        ) from None


@contextlib.contextmanager
def _watched(root: paths.Root, units: Sequence[str]) -> Iterator[None]:
    """Have systemd start `units` again, should we be killed before we can.

    A unit of its own waits for the lock that this job holds as long as it lives, and takes no end of ours along.
    """
    name = f"teleport-bootstrap-backup-{os.getpid()}.service"
    lock = root.path(jobs.lock_path(jobs.BACKUP))
    start = ["systemctl", "--no-ask-password", "start", "--no-block", *units]
    begun = process.run(
        ["systemd-run", "--quiet", "--collect", f"--unit={name}", "flock", lock, *start], timeout_seconds=CALL_SECONDS
    )
    if not begun.ok:
        logger.warning("nobody starts Teleport again if this command is killed: %s", begun.describe())
    try:
        yield
    finally:
        process.run(["systemctl", "--no-ask-password", "stop", name], timeout_seconds=CALL_SECONDS)
