"""How text becomes safe to show: without secrets, and so that nothing in it can pass for a line of this program.

Everything that is printed or logged goes through `line` or `block`; errors and findings do so when they are made. What
other programs, files and services say may hold line feeds, escape sequences and worse: in a `line` they are escaped.
"""

from __future__ import annotations

import json as standard_json
from collections.abc import Iterable

from teleport_bootstrap import escaping, masking
from teleport_bootstrap.hints import Any


class Message(str):
    """What an error says: lines that `lines` has made, and that stay lines of an error that repeats it as a whole."""

    __slots__ = ()


class Block(str):
    """Lines of a document, a difference or a reference: its line feeds and tabs are shown as they are."""

    __slots__ = ()


class Difference(Block):
    """A unified diff, each line of which begins with a mark of its own."""

    __slots__ = ()


class Heading(str):
    """A line above the lines that it announces."""

    __slots__ = ()


class Fitted(str):
    """Lines that were wrapped or shortened for 80 columns; a terminal shows `whole`, one line, in its own width."""

    __slots__ = ("whole",)
    whole: str

    def __new__(cls, text: str, whole: str) -> Fitted:
        """Make it from the lines that are printed where there is no terminal."""
        lines = super().__new__(cls, text)
        lines.whole = whole
        return lines


class Unmasked(Block):
    """A block that the operator asked for with its secrets."""

    __slots__ = ()


def line(text: str) -> str:
    """Return `text` as one line."""
    # It may be huge; what is cut off here would not be shown.
    start = text[: 2 * escaping.LONGEST_LINE]
    return escaping.one_line(masking.mask(start), escaping.LONGEST_LINE)


def lines(texts: Iterable[str]) -> Message:
    """Return a message in which each of `texts` is one line; another message among them keeps its lines."""
    found = (each for text in texts for each in (text.split("\n") if isinstance(text, Message) else [text]))
    return Message("\n".join(map(line, found)))


def block(text: str) -> str:
    """Return several lines as they are but for secrets and what cannot be seen."""
    return escaping.several_lines(text if isinstance(text, Unmasked) else masking.mask(text))


def text(parts: str | Iterable[str]) -> str:
    """Return what a command prints: a block alone as it is, of several parts each as a line.

    Among other parts, a block is indented, unless it is a difference.
    """
    if isinstance(parts, str):
        return block(parts) if isinstance(parts, Block) else line(parts)
    return "\n".join(_among_lines(each) for each in parts)


def json(data: Any) -> str:
    """Return `data`, values that JSON has, as a JSON document without secrets, in which everything can be seen."""
    return unmasked_json(masking.in_values(data))


def unmasked_json(data: Any) -> str:
    """Return the same with its secrets, where the operator asked for them."""
    return escaping.in_json(standard_json.dumps(data, indent=2, ensure_ascii=False)) + "\n"


def _among_lines(part: str) -> str:
    if isinstance(part, Fitted):
        return block(part)
    if not isinstance(part, Block):
        return line(part)
    indent = "" if isinstance(part, Difference) else "  "
    return "\n".join(f"{indent}{each}" if each else "" for each in block(part).rstrip("\n").split("\n"))
