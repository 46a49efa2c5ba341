"""How a value that does not fit its type is reported."""

from __future__ import annotations

_SHOWN = 80


class Unfit(ValueError):
    """A value that is not of its variable's type. `message` continues the variable's name: "is not a port: …"."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def shown(value: str) -> str:
    """Return `value` for a message: in quotes, at most 80 characters of it, control characters escaped."""
    cut = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    return '"' + "".join(_escaped(character) for character in cut) + '"'


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
