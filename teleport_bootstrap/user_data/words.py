"""The words and operators of one line of a shell script, with how each part of a word is quoted."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.hints import NamedTuple

# How a part of a word is written.
BARE, SINGLE, DOUBLE = "bare", "single", "double"

_BLANKS = regex.compile(r"(?:[ \t]|\\\n)+")
_OPERATOR = regex.compile(r"&>>?|[0-9]?>>|[0-9]?>\||[0-9]?>&?|<<<|<<-?|<&?|\|\||&&|;;|[|&;()\n]")
_SINGLE = regex.compile(r"'([^']*)'")
_DOUBLE = regex.compile(r'"((?:[^"\\]|\\.|\\\n)*)"')
_BARE = regex.compile(r"""(?:[^ \t\n'"\\$`|&;()<>]|\$(?![('{A-Za-z_]))+""")
_DOLLAR = regex.compile(r"\$\{[^}\n]*\}|\$[A-Za-z_]\w*")


class Part(NamedTuple):
    """A part of a word: its text without quotes, and how it is quoted."""

    kind: str
    text: str


class Token(NamedTuple):
    """An operator, such as `>>`, or a word in its parts."""

    operator: str
    parts: tuple[Part, ...] = ()


class Unbalanced(Exception):
    """A quote or a parenthesis is open at the end: the command goes on in the next line."""


def split(line: str) -> list[Token]:
    """Return the tokens of a command, comments left out. Raises Unbalanced."""
    return list(_tokens(line))


def _tokens(line: str) -> Iterator[Token]:
    position = 0
    while position < len(line):
        blanks = _BLANKS.match(line, position)
        if blanks:
            position = blanks.end()
            continue
        if line[position] == "#":
            end = line.find("\n", position)
            position = len(line) if end < 0 else end
            continue
        operator = _OPERATOR.match(line, position)
        if operator:
            yield Token(operator[0])
            position = operator.end()
            continue
        parts: list[Part] = []
        while position < len(line) and line[position] not in " \t\n|&;()<>":
            part, position = _part(line, position)
            parts.append(part)
        yield Token("", tuple(parts))


def _part(line: str, position: int) -> tuple[Part, int]:
    """Return the part of a word at `position`, and where it ends."""
    character = line[position]
    for pattern, kind in ((_SINGLE, SINGLE), (_DOUBLE, DOUBLE)):
        quoted = pattern.match(line, position)
        if quoted:
            return Part(kind, quoted[1]), quoted.end()
    if character in "'\"":
        raise Unbalanced
    if character == "\\":
        if position + 1 >= len(line):
            raise Unbalanced
        escaped = line[position + 1]
        return Part(SINGLE, "" if escaped == "\n" else escaped), position + 2
    if line.startswith("$(", position) or character == "`":
        end = _end_of_substitution(line, position)
        return Part(BARE, line[position:end]), end
    dollar = _DOLLAR.match(line, position)
    if dollar:
        return Part(BARE, dollar[0]), dollar.end()
    bare = _BARE.match(line, position)
    if bare:
        return Part(BARE, bare[0]), bare.end()
    return Part(BARE, character), position + 1


def _end_of_substitution(line: str, start: int) -> int:
    if line[start] == "`":
        end = line.find("`", start + 1)
        if end < 0:
            raise Unbalanced
        return end + 1
    depth = 0
    for position in range(start + 1, len(line)):
        depth += {"(": 1, ")": -1}.get(line[position], 0)
        if depth == 0:
            return position + 1
    raise Unbalanced
