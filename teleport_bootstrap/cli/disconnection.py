"""Living longer than the session that a command was typed in, where Teleport's restart ends that session."""

from __future__ import annotations

import logging
import os
import signal
import sys

from teleport_bootstrap import paths, unit_table
from teleport_bootstrap.host import journal, systemd

logger = logging.getLogger(__name__)


def outlive(root: paths.Root) -> None:
    """Go on whatever happens to the terminal; where Teleport's own unit would take us along, begin anew outside it.

    A session through Teleport is a child of its process and belongs to its unit, and a restart ends all that does.
    With --scope, systemd-run becomes the command itself: input, output, environment and terminal stay.
    """
    # A session that ends takes its terminal along, and this signal comes to everything in it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    inside = sorted(systemd.units_around() & set(unit_table.TELEPORT_SERVICES)) if systemd.is_running(root) else []
    if not inside:
        return
    if journal.OUTLIVES in os.environ:
        logger.warning("still inside %s: its restart may end this command", inside[0])
        return
    logger.info(
        "this session belongs to %s, and ends if that is restarted: going on in a scope of its own; "
        "`journalctl -t %s` tells how it ends",
        inside[0],
        journal.IDENTIFIER,
    )
    os.environ[journal.OUTLIVES] = "1"
    sys.stdout.flush()
    sys.stderr.flush()
    command = ["systemd-run", "--scope", "--quiet", "--collect", "--slice=system.slice", *_ourselves()]
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        del os.environ[journal.OUTLIVES]
        logger.warning("systemd-run cannot be run (%s): a restart of %s may end this command", error, inside[0])


def _ourselves() -> list[str]:
    program = sys.argv[0]
    if os.path.isfile(program) and os.access(program, os.X_OK):
        return [os.path.abspath(program), *sys.argv[1:]]
    return [sys.executable, "-m", "teleport_bootstrap", *sys.argv[1:]]
