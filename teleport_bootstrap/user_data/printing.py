"""What `echo` and `printf` print."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from teleport_bootstrap import regex

_OF_ECHO = {"n": "\n", "t": "\t", "\\": "\\", "r": "\r"}
_OF_PRINTF = {"n": "\n", "t": "\t", "\\": "\\", "r": "\r", '"': '"'}
_ESCAPE = regex.compile(r"\\(.)", re.DOTALL)
_OPTION = regex.compile("-[neE]+")
_NUMBER = regex.compile(r"0|-?[1-9][0-9]{0,17}")
_PLACE = regex.compile("%(.)?", re.DOTALL)


def printed(name: str, arguments: Sequence[str], *, is_posix: bool = False) -> str | None:
    """Return what `echo` or `printf` prints; None for what is not read here, or what shells print in several ways.

    `is_posix` is for `/bin/sh`, which is bash on some systems and dash on others.
    """
    return _of_echo(arguments, is_posix) if name == "echo" else _of_printf(arguments, is_posix)


def _of_echo(arguments: Sequence[str], is_posix: bool) -> str | None:
    given = list(itertools.takewhile(_OPTION.fullmatch, arguments))
    line = " ".join(arguments[len(given) :])
    if is_posix and ("\\" in line or any(each != "-n" for each in given)):
        return None
    options = "".join(given)
    if options.rfind("e") > options.rfind("E"):
        unescaped = _unescaped(line, _OF_ECHO)
        if unescaped is None:
            return None
        line = unescaped
    return line if "n" in options else f"{line}\n"


def _of_printf(arguments: Sequence[str], is_posix: bool) -> str | None:
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    if not arguments or arguments[0].startswith("-"):
        return None
    form = _unescaped(arguments[0], {**_OF_PRINTF, **({} if is_posix else {"'": "'"})})
    if form is None or (is_posix and '\\"' in arguments[0]):
        return None
    kinds = [found[1] for found in _PLACE.finditer(form) if found[1] != "%"]
    given = [_value(kinds[number % len(kinds)], each) for number, each in enumerate(arguments[1:]) if kinds]
    if not set(kinds) <= {"s", "d", "b"} or None in given:
        return None
    values = iter([each or "" for each in given])
    # The format is used again until no value is left.
    rounds = -(-len(given) // len(kinds)) if kinds else 1
    return "".join(_filled(form, values) for _ in range(max(rounds, 1)))


def _value(kind: str | None, value: str) -> str | None:
    """Return a value as it is printed, None where that is not read here."""
    if kind == "d":
        return value if _NUMBER.fullmatch(value) else None
    return _unescaped(value, _OF_ECHO) if kind == "b" else value


def _filled(form: str, values: Iterator[str]) -> str:
    missing = {"d": "0"}
    return _PLACE.sub(lambda found: "%" if found[1] == "%" else next(values, missing.get(found[1], "")), form)


def _unescaped(line: str, escapes: dict[str, str]) -> str | None:
    """Return the text with its escapes replaced, None where one is not read here."""
    if any(each[0][1:] not in escapes for each in _ESCAPE.finditer(line)) or _ends_open(line):
        return None
    return _ESCAPE.sub(lambda found: escapes[found[1]], line)


def _ends_open(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
