"""Makes text from outside (file names, other programs' output, conf values) safe to print on terminals and in logs."""

from __future__ import annotations

import json

from teleport_bootstrap import regex

# Printable to Python, but nothing is seen of them: names that differ in one look the same.
_INVISIBLE = regex.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# What one message may say at most, in characters.
LONGEST_LINE = 8000

# What colors, moves or renames a terminal begins with ESC (7 bits) or one of the C1 controls (8 bits). The last
# alternative takes every other one of these characters: nothing that is left can join up to a new sequence.
_SEQUENCE = regex.compile(
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
    """Return `text` with every character that cannot be seen escaped as in Python, such as `\\n`: it stays one line.

    These are controls, line ends, those that change the direction of writing, and those without width. Bytes that are
    not UTF-8 (surrogateescape) become `\\xNN`. What is more than `most` characters then is cut off and replaced by an
    ellipsis.
    """
    start = text if most is None else text[: most + 1]
    escaped = start if _is_visible(start) else "".join(map(_escaped, start))
    return escaped if most is None or len(escaped) <= most else f"{escaped[:most]}…"


def several_lines(text: str) -> str:
    """Return `text` with what `one_line` escapes as the `\\xNN` of its UTF-8 bytes, except line feeds and tabs."""
    if _is_visible(text.replace("\n", "").replace("\t", "")):
        return text
    return "".join(each if each in "\n\t" or _is_visible(each) else _in_bytes(each) for each in text)


def in_json(text: str) -> str:
    """Return `text`, a JSON document, with the same characters in JSON's own escapes, so that it says the same."""
    if _is_visible(text.replace("\n", "")):
        return text
    return "".join(each if each == "\n" or _is_visible(each) else json.dumps(each)[1:-1] for each in text)


def _is_visible(text: str) -> bool:
    return text.isprintable() and (text.isascii() or _INVISIBLE.search(text) is None)


def _in_bytes(character: str) -> str:
    how = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", how))


def _escaped(character: str) -> str:
    if _is_visible(character):
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
