"""Loggers: the standard library's, which is loaded when there is something to log."""

from __future__ import annotations

import logging

from teleport_bootstrap import lazy_imports
from teleport_bootstrap.hints import Any

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40

# Records below it go nowhere.
_least = 0


def set_level(level: int) -> None:
    """Let only records from `level` on be logged."""
    global _least  # noqa: PLW0603 - there is one level
    _least = level
    lazy_imports.when_loaded("logging", _tell)


def _tell() -> None:
    logging.getLogger("teleport_bootstrap").setLevel(_least)


class Logger:
    """The standard library's logger of this name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def debug(self, message: str, *values: Any, **more: Any) -> None:
        """Log a record with this level."""
        if _least <= DEBUG:
            logging.getLogger(self.name).debug(message, *values, stacklevel=2, **more)

    def info(self, message: str, *values: Any, **more: Any) -> None:
        """Log a record with this level."""
        if _least <= INFO:
            logging.getLogger(self.name).info(message, *values, stacklevel=2, **more)

    def warning(self, message: str, *values: Any, **more: Any) -> None:
        """Log a record with this level."""
        if _least <= WARNING:
            logging.getLogger(self.name).warning(message, *values, stacklevel=2, **more)

    def error(self, message: str, *values: Any, **more: Any) -> None:
        """Log a record with this level."""
        logging.getLogger(self.name).error(message, *values, stacklevel=2, **more)
