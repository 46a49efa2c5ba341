"""Send log records to the journal with their fields under systemd, otherwise to stderr."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import select
import socket
import sys
from collections.abc import Mapping

from teleport_bootstrap import display, lazy_imports, log, paths
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import log_lines, log_records

LEVELS = {"debug": log.DEBUG, "info": log.INFO, "warning": log.WARNING, "error": log.ERROR}

IDENTIFIER = "teleport-bootstrap"

# Set in the environment of a command that outlives its terminal: its messages go to the journal as well.
OUTLIVES = "TELEPORT_BOOTSTRAP_OUTLIVES"


_SEND_SECONDS = 2.0

# The levels that `set_up` was called with.
_prepared: list[str] = []


class _Patient:
    """The journal module of systemd-python, which by itself waits for ever for a journal that does not read."""

    seconds = _SEND_SECONDS

    def __init__(self, module: Any) -> None:
        self._module = module

    def send(self, message: str, **fields: Any) -> None:
        """Send an entry, or lose it where the journal does not take it in time. Raises OSError and ValueError."""
        if self._has_room():
            self._module.send(message, **fields)

    def _has_room(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asked:
            try:
                asked.connect(paths.JOURNAL_SOCKET)
            except OSError:
                return True  # no journal, which takes no time
            room = select.poll()
            room.register(asked, select.POLLOUT)
            if room.poll(self.seconds * 1000):
                return True
        # From now on it is not waited for.
        _Patient.seconds = 0.0
        return False


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
    log.set_level(LEVELS[level])
    _prepared.append(level)
    lazy_imports.when_loaded("logging", _prepare)
    # Without a journal, a record is a line, and the standard library's loggers would take long to load for it.
    log.write_with(None if _is_wanted() else _write)


def _write(level: int, message: str, values: tuple[Any, ...]) -> None:
    log_lines.write(level, message, values)  # loaded for the first record


def is_set_up() -> bool:
    """Whether it is known where records go."""
    return bool(_prepared)


def _prepare() -> None:
    logger = logging.getLogger("teleport_bootstrap")
    logger.propagate = False
    journal, under_systemd = _journal(), is_under_systemd()
    logger.handlers = [] if journal is None else [log_records.Fields(journal, IDENTIFIER)]
    if journal is None or not under_systemd:
        logger.handlers.insert(0, log_records.Lines(for_journal=under_systemd))


def _is_wanted() -> bool:
    return is_under_systemd() or OUTLIVES in os.environ


def _journal() -> Any:
    """Return the journal module of systemd-python, None where there is no use for it or it is not installed."""
    if not _is_wanted():
        return None
    try:
        return _Patient(importlib.import_module("systemd.journal"))
    except ImportError:
        return None


def record_failure(message: display.Message, hint: str, code: str, message_id: str, exit_status: int) -> None:
    """Record a failure in the journal with fields to search for; without a journal do nothing, stderr has it anyway.

    Find them all with `journalctl TELEPORT_BOOTSTRAP_CODE=aws-denied` or `MESSAGE_ID=…`.
    """
    journal = _journal()
    if journal is None:
        return
    with contextlib.suppress(OSError, ValueError):
        journal.send(
            display.lines([message]),
            PRIORITY=3,
            SYSLOG_IDENTIFIER=IDENTIFIER,
            MESSAGE_ID=message_id,
            TELEPORT_BOOTSTRAP_CODE=code,
            TELEPORT_BOOTSTRAP_HINT=display.line(hint),
            TELEPORT_BOOTSTRAP_EXIT_STATUS=str(exit_status),
        )


def send(root: paths.Root, message: str, fields: Mapping[str, str | int]) -> None:
    """Send one entry to the journal of the system at `root`, wherever standard error leads.

    Where there is no journal, or it does not take the entry, there is no one to tell.
    """
    entry = {"MESSAGE": message, "SYSLOG_IDENTIFIER": IDENTIFIER, **fields}
    # Each value is one line, so that it needs no length in front.
    data = "".join(f"{name}={display.line(str(value))}\n" for name, value in entry.items())
    folder, name = os.path.split(root.path(paths.JOURNAL_SOCKET))
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_SEND_SECONDS)
                # By the descriptor, since the address of a socket is short and a root directory may not be.
                sender.sendto(data.encode("utf-8", "backslashreplace"), f"/proc/self/fd/{descriptor}/{name}")
        finally:
            os.close(descriptor)
