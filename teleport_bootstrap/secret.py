"""A string that is masked wherever it is printed, and names that tell that a value is one."""

from __future__ import annotations

import re
from typing import Any, NoReturn

MASK = "********"

_SECRET_WORDS = re.compile(
    "TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIAL|KEY|WEBHOOK|TOTP_|(?:PASS|PWD)(?![A-Z0-9])|(?<![A-Z0-9])PAT(?![A-Z0-9])",
    re.IGNORECASE,
)


class Secret:
    """A token, a license or a key; every way of printing it gives a mask.

    Only `reveal()` returns the value, so that the places that use it can be found by that name.
    Secrets compare equal by value, do not pickle, and never show their length.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the code that writes it to its file or sends it to its service."""
        return self._value

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret is not pickled: it would leave its type")


def looks_secret(text: str) -> bool:
    """Whether `text`, a name or a line that may hold one, speaks of a token, secret, password or key."""
    return _SECRET_WORDS.search(text) is not None
