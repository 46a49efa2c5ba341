"""Assignments with nothing wrong in them, each read by one match of a compiled pattern.

A conf is made of these, so that reading it takes little more than the matches. What does not match may still be right:
it is left to `lexer`, which reads everything and says what is refused. Whatever matches here means there exactly the
same. No quote in these patterns goes over a line end, so that a match that fails has looked at one line and the lines
that continue it, and a run of characters is never tried in parts.
"""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap import regex

_CONTROL = r"\x00-\x08\x0b-\x1f\x7f"
_NAME = "[A-Za-z_][A-Za-z0-9_]*"
# Without what bash may expand: a tilde, and braces after export.
_BARE = rf"""[^ \t\n'"\\$`|&;()<>~{{{_CONTROL}]"""
_SINGLE = rf"[^'\n{_CONTROL}]*"
_DOUBLE = rf"""[^"\\$`\n{_CONTROL}]"""
# The name ends here: neither another letter nor a line that continues it follows.
_REFERENCE = rf"\$(?:{_NAME}(?![A-Za-z0-9_]|\\\n)|\{{{_NAME}\}})"
_IN_DOUBLE = rf"(?:{_DOUBLE}+(?!{_DOUBLE})|\\[^\n{_CONTROL}]|{_REFERENCE}){{0,500}}"
# More parts of one word are left to the lexer: each takes memory while the pattern matches.
_PARTS = rf"""(?:{_BARE}+(?!{_BARE})|'{_SINGLE}'|"{_IN_DOUBLE}"|\\[^{_CONTROL}]|{_REFERENCE}){{0,500}}"""
# Empty lines and comments that follow are read with the line.
_END = r"(?:[ \t]+\#[^\n]*|[ \t]*)(?:\n|\Z)(?:[ \t]*(?:\#[^\n]*)?\n)*"

# One value that has at most one pair of quotes, alone on its line.
LINE = regex.compile(rf"""[ \t]*(?:export[ \t]+)?({_NAME})=(?:({_BARE}*)|"({_DOUBLE}*)"|'({_SINGLE})'){_END}""")
WORD = regex.compile(rf"({_NAME})=({_PARTS})(?=[ \t\n]|\Z)")
EXPORT = regex.compile(r"[ \t]*export[ \t]+")
END = regex.compile(_END)
NOTHING = regex.compile(r"(?:[ \t]*(?:\#[^\n]*)?\n)+")

_BLANKS = regex.compile(r"(?:[ \t]|\\\n)+")
_LITERAL_PARTS = rf"""({_BARE}+)|'({_SINGLE})'|"({_DOUBLE}*)"|\\([^\n])|\\\n"""
_LITERAL = regex.compile(_LITERAL_PARTS)
_PIECE = regex.compile(rf"""{_LITERAL_PARTS}|"({_IN_DOUBLE})"|\$(?:({_NAME})|\{{({_NAME})\}})""")
_PIECE_IN_DOUBLE = regex.compile(rf"""([^\\$]+|\\[^$`"\\])|\\(.)|\$(?:({_NAME})|\{{({_NAME})\}})""")


def behind_blanks(text: str, position: int) -> int:
    """Return where the blanks at `position` end, lines that are continued included."""
    blanks = _BLANKS.match(text, position)
    return position if blanks is None else blanks.end()


def value(written: str, earlier: Mapping[str, str | None]) -> tuple[str, tuple[str, ...]] | None:
    """Return what `written`, the second group of `WORD`, means, and the names that it refers to.

    None if one of them is not among the `earlier` values.
    """
    if "$" not in written and "\\" not in written:
        return "".join(map("".join, _LITERAL.findall(written))), ()
    texts: list[str | None] = []
    references: list[str] = []
    for piece in _PIECE.finditer(written):
        which = piece.lastindex or 0
        inside = _PIECE_IN_DOUBLE.finditer(piece[which]) if which == 5 else ()
        if which in (6, 7):
            references.append(piece[which])
            texts.append(earlier.get(piece[which]))
        elif which not in (0, 5):
            texts.append(piece[which])
        for inner in inside:
            which = inner.lastindex or 0
            if which > 2:
                references.append(inner[which])
            texts.append(earlier.get(inner[which]) if which > 2 else inner[which])
    known = [each for each in texts if each is not None]
    return ("".join(known), tuple(references)) if len(known) == len(texts) else None
