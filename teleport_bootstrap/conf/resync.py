"""Where to continue reading after an error, so that one mistake is reported once."""

from __future__ import annotations

import re
from itertools import islice

from teleport_bootstrap import regex
from teleport_bootstrap.conf import refusals
from teleport_bootstrap.conf.lexer import Fault, Lexer

_HERE_DOCUMENT = regex.compile(r"""<<(-?)[ \t]*(?:\\?([\w.-]+)|'([^'\n]+)'|"([^"\n]+)")""")
# How far the end of a block or here-document is searched for, so that a file of unclosed ones takes linear time.
_FAR_ENOUGH = 32 * 1024
_MOST_HERE_DOCUMENTS = 8
_CLOSING = {
    **{"if": "fi", "case": "esac", "function": "}", "{": "}"},
    **dict.fromkeys(("for", "while", "until", "select"), "done"),
}


def skip(lexer: Lexer, fault: Fault, resume: int | None, *, blocks: bool = True) -> None:
    """Set the position of `lexer` behind the line, block, array or here-document that `fault` is about.

    `resume` is used as it is where the lexer has said it. Without `blocks`, only the line is skipped.
    """
    if resume is not None:
        lexer.position = resume
        return
    start = fault.position
    opening = lexer.text[start : lexer.line_end(start)].split(None, 1)[:1]
    closing = _CLOSING.get(opening[0]) if opening else None
    if fault.refusal is refusals.ARRAY:
        start = lexer.past_parenthesis(start)
    end = _rest_of_line(lexer, start)
    if not blocks:
        lexer.position = end
        return
    if closing is not None:
        end = _block_end(lexer, start, opening[0], closing) or end
    elif fault.refusal is refusals.FUNCTION:
        end = _block_end(lexer, start, "{", "}") or end
    lexer.position = _here_document_end(lexer, fault.position, end) or end


def _rest_of_line(lexer: Lexer, position: int) -> int:
    """Return the end of the line, including continued lines and quotes that begin a word.

    A quote within a word is probably an apostrophe, so it counts only if it closes on the same line.
    """
    text = lexer.text
    for found in re.compile(r"""\\.|['"\n]""", re.DOTALL).finditer(text, position):
        start = found.start()
        if start < position or found[0].startswith("\\"):
            continue
        if found[0] == "\n":
            return start
        end = lexer.find(found[0], start + 1)
        begins_word = text[start - 1 : start] in (" ", "\t", "=")
        if end < lexer.line_end(start) or (begins_word and end < len(text)):
            position = end + 1
    return len(text)


def _block_end(lexer: Lexer, position: int, opening: str, closing: str) -> int | None:
    """Return where the line ends that closes a block, or None if no line does."""
    first_line_end = lexer.line_end(position)
    if re.search(rf"(?:^|[\s;]){re.escape(closing)}[\s;]*$", lexer.text[position:first_line_end]):
        return first_line_end
    depth = 1
    lines = re.compile(rf"^[ \t]*({re.escape(opening)}|{re.escape(closing)})(?=[\s;]|$)", re.MULTILINE)
    for found in lines.finditer(lexer.text, first_line_end, first_line_end + _FAR_ENOUGH):
        depth += 1 if found[1] == opening else -1
        if depth == 0:
            return lexer.line_end(found.end())
    return None


def _here_document_end(lexer: Lexer, position: int, end: int) -> int | None:
    """Return where the last here-document that begins between `position` and `end` closes, or None without one."""
    last = None
    for found in islice(_HERE_DOCUMENT.finditer(lexer.text, position, end), _MOST_HERE_DOCUMENTS):
        tabs = "\t*" if found[1] else ""
        delimiter = re.escape(found[2] or found[3] or found[4])
        closing_line, start = re.compile(rf"^{tabs}{delimiter}$", re.MULTILINE), last or end
        closing = closing_line.search(lexer.text, start, start + _FAR_ENOUGH)
        if closing:
            last = closing.end()
    return last
