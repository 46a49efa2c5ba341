"""Where log records go: lines on standard error, entries of the journal."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from teleport_bootstrap import display
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import log_lines, output

# syslog(3) priorities, which the journal reads in front of a line.
PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))


def priority(record: logging.LogRecord) -> int:
    """Return the priority of a record in the journal."""
    return next((number for level, number in PRIORITIES if record.levelno >= level), 7)


class Lines(logging.Handler):
    """Writes each record to standard error as one line, with its priority in front where that leads to the journal."""

    def __init__(self, *, for_journal: bool) -> None:
        super().__init__()
        self._for_journal = for_journal

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; where standard error is gone, there is no one to tell."""
        with contextlib.suppress(OSError, ValueError):
            begin = f"<{priority(record)}>" if self._for_journal else log_lines.start(record.levelno)
            line = log_lines.line(begin, str(record.msg), record.args)
            output.log_lines([line, *(f"{begin}{each}" for each in _places(record))])


class Fields(logging.Handler):
    """Sends each record to the journal, with a few fields.

    Not systemd's own handler, which sends every value that went into a message as a field of its own.
    """

    def __init__(self, journal: Any, identifier: str) -> None:
        super().__init__()
        self._journal, self._identifier = journal, identifier

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record; where the journal does not take it, there is no one to tell."""
        with contextlib.suppress(OSError, ValueError):
            self._journal.send(
                "\n".join(_lines(record)),
                PRIORITY=str(priority(record)),
                SYSLOG_IDENTIFIER=self._identifier,
                LOGGER=record.name,
                CODE_FILE=record.pathname,
                CODE_LINE=record.lineno,
                CODE_FUNC=record.funcName,
            )


def _lines(record: logging.LogRecord) -> Iterator[str]:
    """Yield what a record says: its message, and where its exception was raised, but not the text of that."""
    yield display.line(record.getMessage())
    yield from _places(record)


def _places(record: logging.LogRecord) -> Iterator[str]:
    if record.exc_info and record.exc_info[1] is not None:
        yield from output.places(record.exc_info[1])
