"""A string that is masked wherever it is printed, the secrets that this process has met, and names of such."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.hints import Any, NoReturn

MASK = "********"

_SECRET_WORDS = regex.compile(
    "TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIAL|KEY|WEBHOOK|TOTP_|(?:PASS|PWD)(?![A-Z0-9])|(?<![A-Z0-9])PAT(?![A-Z0-9])",
    re.IGNORECASE,
)

# A URL of any scheme, after its colon; parsed by a function, in linear time.
URL = regex.compile(r"://(?P<rest>[^\s\"'<>]{1,2000})")
_PORT = regex.compile(r"\d{1,5}")
_LONGEST_USER = 19

# What this process has met, the latest last. More than any host has, and bounded: a hostile file may name many.
_met: dict[str, None] = {}
_MOST_MET = 2000
_LONGEST_MET = 128 * 1024
# Shorter lines of a license or a key mean nothing by themselves.
_SHORTEST_LINE = 16
_PUBLIC = regex.compile(r"sha256:[0-9a-fA-F]{64}|-----[A-Z0-9 ]+-----")


class Secret:
    """A token, a license or a key; every way of printing it gives a mask.

    Only `reveal()` returns the value, so that the places that use it can be found by that name.
    Secrets compare equal by value, do not pickle, and never show their length.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

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


def remember(value: str) -> None:
    """Note a secret that this process has met, so that nothing that is shown from now on holds it.

    Of a value of several lines, each line is noted that could be recognized by itself, such as those of a key.
    """
    whole = value.strip()
    lines = [line.strip() for line in whole.splitlines()] if "\n" in whole else []
    for each in (whole, *(line for line in lines if len(line) >= _SHORTEST_LINE and " " not in line)):
        if each and len(each) <= _LONGEST_MET and not _PUBLIC.fullmatch(each):
            _met.pop(each, None)
            _met[each] = None
    while len(_met) > _MOST_MET:
        del _met[next(iter(_met))]


def met() -> tuple[str, ...]:
    """Return the secrets that this process has met so far."""
    return tuple(_met)


def forget() -> None:
    """Forget all of them: for tests, of which several share a process."""
    _met.clear()


def looks_secret(text: str) -> bool:
    """Whether `text`, a name or a line that may hold one, speaks of a token, secret, password or key."""
    return _SECRET_WORDS.search(text) is not None


def passwords(text: str) -> Iterator[str]:
    """Yield the password of each URL in `text` that has one."""
    yield from filter(None, (password_of(found["rest"]) for found in URL.finditer(text)))


def password_of(rest: str) -> str | None:
    """Return the password in `rest`, a URL after its `://`; a long user name without a password is a token.

    Passwords in URLs are often not encoded, and hold slashes and at signs.
    """
    user, at, _ = rest.rpartition("@")
    if not at:
        return None
    name, colon, password = user.partition(":")
    host = re.split("[/?#]", name, maxsplit=1)[0]
    if not colon or host != name:
        return user if host == user and len(user) > _LONGEST_USER else None
    # An at sign after the port and the path of a URL without a password.
    if _PORT.fullmatch(re.split("[/?#]", password, maxsplit=1)[0]) and re.search("[/?#]", password):
        return None
    return password or None


def without_passwords(text: str) -> str:
    """Return `text` with a mask for the password of each URL in it."""
    return URL.sub(_without_password, text) if "://" in text else text


def _without_password(found: re.Match[str]) -> str:
    rest = found["rest"]
    password = password_of(rest)
    if password is None:
        return found[0]
    start = 0 if rest.startswith(f"{password}@") else rest.index(":") + 1
    return f"://{rest[:start]}{MASK}{rest[start + len(password) :]}"
