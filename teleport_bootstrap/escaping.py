"""Makes text from outside (file names, other programs' output, conf values) safe to print on terminals and in logs."""

from __future__ import annotations

import re

# Unicode's controls for line ends and writing direction count too: they can reorder or hide what a terminal shows.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

# What colors, moves or renames a terminal begins with ESC (7 bits) or one of the C1 controls (8 bits). The last
# alternative takes every other one of these characters: nothing that is left can join up to a new sequence.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[\x30-\x3f]*[\x20-\x2f]*(?:[\x40-\x7e]|\Z)"  # CSI: colors, cursor, erasing
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f\r\n]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS: titles, links
    r"|\x1b[\x20-\x2f]*[\x30-\x7e]"  # other escapes: character sets, keypad, resets
    r"|[\x1b\x80-\x84\x86-\x9f]"
)


def without_sequences(text: str) -> str:
    """Return `text` without escape sequences for terminals, of every kind: what another program says, as plain text.

    For messages only: names and values that a person may have to type are shown by the functions below. An escape
    sequence that has no end loses its beginning, so that it hides nothing.
    """
    return _SEQUENCE.sub("", text)


def one_line(text: str, most: int | None = None) -> str:
    """Return `text` with every unprintable character escaped as in Python, such as `\\n`, so that it stays one line.

    What is more than `most` characters then is cut off and replaced by an ellipsis. Bytes that are not UTF-8
    (surrogateescape) become `\\xNN`.
    """
    start = text if most is None else text[: most + 1]
    escaped = start if start.isprintable() else "".join(map(_escaped, start))
    return escaped if most is None or len(escaped) <= most else f"{escaped[:most]}…"


def several_lines(text: str) -> str:
    """Return `text` with every control character except line feeds and tabs as the `\\xNN` of its UTF-8 bytes."""
    return _CONTROL.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in found[0].encode()), text)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
