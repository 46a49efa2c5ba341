"""What a log record says, as lines on standard error."""

from __future__ import annotations

import contextlib

from teleport_bootstrap import display, log
from teleport_bootstrap.finding import Finding, Line
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import output


def write(level: int, message: str, values: tuple[Any, ...]) -> None:
    """Write a record as a line for people; where standard error is gone, there is no one to tell."""
    with contextlib.suppress(OSError, ValueError):
        output.log_lines([line(start(level), message, values)])


def start(level: int) -> str:
    """Return the first words of a line for people."""
    return "error: " if level >= log.ERROR else "warning: " if level >= log.WARNING else ""


def line(begin: str, message: str, values: Any) -> str | Line:
    """Return the line of a record, which begins with `begin`: a finding alone is laid out as one."""
    reported = values[0] if isinstance(values, tuple) and len(values) == 1 else None
    if isinstance(reported, Finding) and message == "%s":
        return Line(begin, reported)
    return f"{begin}{display.line(message % values if values else message)}"
