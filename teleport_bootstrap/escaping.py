"""Makes text from outside (file names, other programs' output, conf values) safe to print on terminals and in logs."""

from __future__ import annotations

import re

# Unicode's controls for line ends and writing direction count too: they can reorder or hide what a terminal shows.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


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
