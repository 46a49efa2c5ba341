"""What `${name...}` becomes, for the forms whose outcome follows from the text of the variable.

Source: bash's manual, "Shell Parameter Expansion"; what only bash has is not read for another shell.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from teleport_bootstrap import regex
from teleport_bootstrap.hints import NamedTuple, Optional
from teleport_bootstrap.user_data import globs

_FORM = regex.compile(
    r"\$\{(#?)([A-Za-z_][A-Za-z0-9_]*|[0-9]|[@*#])(\[(?:[@*]|\$?\w{1,20})\])?(:?[-=+?]|##?|%%?|//?|\^\^?|,,?|:|)(.*)\}",
    16,
)
_RANGE = regex.compile(r"[ ]?(-?[0-9]+)(?::([0-9]+))?")
# Each of its ends is tried.
_LONGEST = 1000
_OF_BASH = ("/", "^", ",", ":")


class Form(NamedTuple):
    """A form in its parts: `${#name}` `is_length`; `item` is of an array; what follows `operator` is `rest`."""

    is_length: bool
    name: str
    item: str
    operator: str
    rest: str


def form(text: str) -> Form | None:
    """Return the parts of `${...}`, None for another form."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    is_length = bool(found[1]) and not found[4] and not found[5]
    return None if found[1] and not is_length else Form(is_length, found[2], found[3] or "", found[4], found[5])


def is_of_bash(found: Form) -> bool:
    """Whether another shell than bash may refuse a form."""
    is_shared = found.operator.startswith(":") and len(found.operator) == 2
    return bool(found.item) or (found.operator.startswith(_OF_BASH) and not is_shared)


def changed(value: str, operator: str, rest: str, word: Callable[[str], Optional[str]]) -> str | None:
    """Return what becomes of a value, None where that is not known. `word` expands what stands in `rest`."""
    result: str | None = None
    if operator == "":
        result = value if not rest else None
    elif not value.isascii() and operator[0] in "^,:":
        # What a character is, the locale says.
        result = None
    elif operator[0] in "#%":
        pattern = _pattern(rest, word)
        result = None if pattern is None else _trimmed(value, operator, pattern)
    elif operator[0] == "/":
        before, _, after = rest.partition("/")
        pattern, replacement = _pattern(before, word), word(after)
        if pattern and replacement is not None and pattern[0] not in "#%" and "&" not in replacement:
            expression = globs.expression(pattern, value)
            count = 0 if operator == "//" else 1
            known: str = replacement
            # Where a star matches nothing at the end of a value, bash replaces that only if it is all there is.
            is_open = "*" in pattern and operator == "//"
            result = None if expression is None or is_open else re.sub(expression, lambda _: known, value, count=count)
    elif operator in ("^^", ",,") and not rest:
        result = value.upper() if operator == "^^" else value.lower()
    elif operator in ("^", ",") and not rest:
        first = value[:1].upper() if operator == "^" else value[:1].lower()
        result = first + value[1:]
    elif operator == ":":
        found = _RANGE.fullmatch(rest)
        if found is not None:
            start = int(found[1])
            start = start if start >= 0 else len(value) + start if len(value) + start >= 0 else len(value)
            result = value[start : start + int(found[2])] if found[2] else value[start:]
    return result


def _pattern(written: str, word: Callable[[str], Optional[str]]) -> str | None:
    """Return a pattern, None where something in it that a pattern has is quoted, and so stands for itself."""
    found = word(written)
    return None if found is None or ('"' in written and any(each in found for each in "*?[")) else found


def _trimmed(value: str, operator: str, pattern: str) -> str | None:
    """Return the value without what the pattern matches at one of its ends: the longest, where it is doubled."""
    expression = globs.expression(pattern, value)
    if expression is None or len(value) > _LONGEST:
        return None
    matches = re.compile(expression, re.DOTALL).fullmatch
    is_front = operator[0] == "#"
    ends = list(range(len(value) + 1))
    for end in ends if is_front == (len(operator) == 1) else reversed(ends):
        piece = value[:end] if is_front else value[end:]
        if matches(piece):
            return value[end:] if is_front else value[:end]
    return value
