"""How a value that does not fit its type is reported."""

from __future__ import annotations

from teleport_bootstrap import escaping

_SHOWN = 80


class Unfit(ValueError):
    """A value that is not of its variable's type. `message` continues the variable's name: "is not a port: …"."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def shown(value: str) -> str:
    """Return `value` for a message: in quotes, at most 80 characters of it, control characters escaped."""
    return f'"{escaping.one_line(value, _SHOWN)}"'
