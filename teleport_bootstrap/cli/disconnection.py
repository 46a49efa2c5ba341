"""Continue a command when Teleport's restart ends the session that it was started in."""

from __future__ import annotations

import logging
import os
import signal
import sys

from teleport_bootstrap import paths, unit_table
from teleport_bootstrap.host import journal, systemd

logger = logging.getLogger(__name__)


def outlive(root: paths.Root) -> None:
    """Survive the loss of the terminal; in a session of Teleport's own unit, run again outside of the unit.

    A session through Teleport is a child of its process and belongs to its unit, and a restart of the unit ends it.
    With --scope, systemd-run becomes the command itself: input, output, environment and terminal stay.
    """
    # When a session ends, its terminal closes and every process in it gets this signal.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    inside = sorted(systemd.units_around() & set(unit_table.TELEPORT_SERVICES)) if systemd.is_running(root) else []
    if not inside:
        return
    if journal.OUTLIVES in os.environ:
        logger.warning("still inside %s: its restart may end this command", inside[0])
        return
    logger.info(
        "this session belongs to %s, and ends if that is restarted: continuing in a scope of its own; "
        "`journalctl -t %s` shows how it ends",
        inside[0],
        journal.IDENTIFIER,
    )
    os.environ[journal.OUTLIVES] = "1"
    sys.stdout.flush()
    sys.stderr.flush()
    command = ["systemd-run", "--scope", "--quiet", "--collect", "--slice=system.slice", *_this_command()]
    try:
        os.execvp(command[0], command)  # noqa: S606 - on purpose without a shell
    except OSError as error:
        del os.environ[journal.OUTLIVES]
        logger.warning("systemd-run cannot be run (%s): a restart of %s may end this command", error, inside[0])


def _this_command() -> list[str]:
    program = sys.argv[0]
    if os.path.isfile(program) and os.access(program, os.X_OK):
        return [os.path.abspath(program), *sys.argv[1:]]
    return [sys.executable, "-m", "teleport_bootstrap", *sys.argv[1:]]
