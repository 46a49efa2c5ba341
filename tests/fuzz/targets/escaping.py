"""Text from outside, as it is shown: no escaped text can move a cursor, end a line or hide what follows."""

from __future__ import annotations

import re

from teleport_bootstrap import escaping
from tests.fuzz.oracle import holds, same

LONGEST = 256
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def check(data: bytes) -> None:
    """Escape text that may hold bytes which are not UTF-8."""
    text = data.decode("utf-8", "surrogateescape")
    line = escaping.one_line(text)
    holds(line.isprintable(), line)
    same(text.isprintable(), line == text)
    for most in (0, 1, 40):
        short = escaping.one_line(text, most)
        holds(short.isprintable() and len(short) <= most + 1, short)
    lines = escaping.several_lines(text)
    holds(_CONTROL.search(lines) is None, lines)
    same(lines.count("\n"), text.count("\n"))
    same(escaping.several_lines(lines), lines)
    plain = escaping.without_sequences(text)
    holds("\x1b" not in plain and not re.search("[\x80-\x84\x86-\x9f]", plain), plain)
    same(escaping.without_sequences(plain), plain)
    letters = "".join(each for each in text if each.isalnum())
    same(escaping.without_sequences(letters), letters)
