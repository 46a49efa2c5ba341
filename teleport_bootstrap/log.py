"""Loggers: the standard library's, which is loaded when there is something to log and a line would not do."""

from __future__ import annotations

import logging

from teleport_bootstrap import lazy_imports
from teleport_bootstrap.hints import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40

# Records below it go nowhere.
_least = 0
# Takes a record's level, message and values, where that is all that becomes of it.
_write: Callable[[int, str, tuple[Any, ...]], None] | None = None


def set_level(level: int) -> None:
    """Let only records from `level` on be logged."""
    global _least  # noqa: PLW0603 - there is one level
    _least = level
    lazy_imports.when_loaded("logging", _tell)


def write_with(write: Callable[[int, str, tuple[Any, ...]], None] | None) -> None:
    """Have `write` write records, without the standard library's loggers; None for these."""
    global _write  # noqa: PLW0603 - there is one standard error
    _write = write


def _tell() -> None:
    logging.getLogger("teleport_bootstrap").setLevel(_least)


class Logger:
    """The standard library's logger of this name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def debug(self, message: str, *values: Any, **more: Any) -> None:
        """Log a record with this level."""
        self._log(DEBUG, message, values, more)

    def info(self, message: str, *values: Any, **more: Any) -> None:
        """Log a record with this level."""
        self._log(INFO, message, values, more)

    def warning(self, message: str, *values: Any, **more: Any) -> None:
        """Log a record with this level."""
        self._log(WARNING, message, values, more)

    def error(self, message: str, *values: Any, **more: Any) -> None:
        """Log a record with this level."""
        self._log(ERROR, message, values, more)

    def _log(self, level: int, message: str, values: tuple[Any, ...], more: dict[str, Any]) -> None:
        if level < _least:
            return
        if _write is not None and not more:
            _write(level, message, values)
        else:
            logging.getLogger(self.name).log(level, message, *values, stacklevel=3, **more)
