"""What bash's `echo` and `printf` print."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from teleport_bootstrap import regex

_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_ESCAPE = regex.compile(r"\\(.)", re.DOTALL)
_OPTION = regex.compile("-[neE]+")
_PLACE = regex.compile("%(.)?", re.DOTALL)


def printed(name: str, arguments: Sequence[str]) -> str | None:
    """Return what `echo` or `printf` prints; None for a format or an option that is not read here."""
    return _of_echo(arguments) if name == "echo" else _of_printf(arguments)


def _of_echo(arguments: Sequence[str]) -> str:
    options = "".join(itertools.takewhile(_OPTION.fullmatch, arguments))
    rest = arguments[sum(1 for _ in itertools.takewhile(_OPTION.fullmatch, arguments)) :]
    line = " ".join(rest)
    if "e" in options:
        line = _unescaped(line)
    return line if "n" in options else f"{line}\n"


def _of_printf(arguments: Sequence[str]) -> str | None:
    if not arguments or arguments[0].startswith("-"):
        return None
    form = _unescaped(arguments[0])
    if any(found[1] not in ("s", "%") for found in _PLACE.finditer(form)):
        return None
    places = sum(found[1] == "s" for found in _PLACE.finditer(form))
    values = iter(arguments[1:])
    # The format is used again until no value is left.
    rounds = -(-len(arguments[1:]) // places) if places else 1
    return "".join(_filled(form, values) for _ in range(max(rounds, 1)))


def _filled(form: str, values: Iterator[str]) -> str:
    return _PLACE.sub(lambda found: next(values, "") if found[1] == "s" else "%", form)


def _unescaped(line: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[0]), line)
