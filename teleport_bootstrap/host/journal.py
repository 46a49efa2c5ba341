"""Send log records to the journal with their fields under systemd, otherwise to stderr."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import Any

from teleport_bootstrap import secret

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

IDENTIFIER = "teleport-bootstrap"

# Set in the environment of a command that outlives its terminal: its messages go to the journal as well.
OUTLIVES = "TELEPORT_BOOTSTRAP_OUTLIVES"

# syslog(3) priorities, which the journal reads in front of a line.
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))


class _Lines(logging.Formatter):
    """One line a record; with its priority in front where stderr leads to the journal."""

    def __init__(self, *, for_journal: bool) -> None:
        super().__init__("%(message)s")
        self._for_journal = for_journal

    def format(self, record: logging.LogRecord) -> str:
        text = secret.without_passwords(super().format(record))
        if not self._for_journal:
            return f"{record.levelname.lower()}: {text}" if record.levelno >= logging.WARNING else text
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def is_under_systemd() -> bool:
    """Whether stderr leads to the journal: JOURNAL_STREAM names its device and inode; see systemd.exec(5)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        facts = os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # stderr is closed
        return False
    return (device, inode) == (str(facts.st_dev), str(facts.st_ino))


def set_up(level: str) -> None:
    """Send the records of this program, from `level` (a key of LEVELS) on, to the journal or to stderr."""
    logger = logging.getLogger("teleport_bootstrap")
    logger.setLevel(LEVELS[level])
    logger.propagate = False
    journal, under_systemd = _journal(), is_under_systemd()
    logger.handlers = [] if journal is None else [journal.JournalHandler(SYSLOG_IDENTIFIER=IDENTIFIER)]
    if journal is None or not under_systemd:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Lines(for_journal=under_systemd))
        logger.handlers.insert(0, handler)


def _journal() -> Any:
    """Return the journal module of systemd-python, None where there is no use for it or it is not installed."""
    if not is_under_systemd() and OUTLIVES not in os.environ:
        return None
    try:
        return importlib.import_module("systemd.journal")
    except ImportError:
        return None


def record_failure(message: str, hint: str, code: str, message_id: str, exit_status: int) -> None:
    """Record a failure in the journal with fields to search for; without a journal do nothing, stderr has it anyway.

    Find them all with `journalctl TELEPORT_BOOTSTRAP_CODE=aws-denied` or `MESSAGE_ID=…`.
    """
    journal = _journal()
    if journal is None:
        return
    journal.send(
        message,
        PRIORITY=3,
        SYSLOG_IDENTIFIER=IDENTIFIER,
        MESSAGE_ID=message_id,
        TELEPORT_BOOTSTRAP_CODE=code,
        TELEPORT_BOOTSTRAP_HINT=hint,
        TELEPORT_BOOTSTRAP_EXIT_STATUS=str(exit_status),
    )
