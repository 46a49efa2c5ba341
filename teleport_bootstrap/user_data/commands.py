"""The commands of a shell script, one after the other, each with the here-documents that it reads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.user_data import text, words
from teleport_bootstrap.user_data.text import Line, Text
from teleport_bootstrap.user_data.words import Token

_MOST_LINES = 2000
_SEPARATORS = frozenset((";", "&&", "||", "&", "\n", ";;"))
_HERE = frozenset(("<<", "<<-"))
_OUTPUTS = frozenset((">", ">>", ">|", "1>", "1>>", "1>|", "&>", "&>>"))


class Document(NamedTuple):
    """A here-document: its lines, and whether the shell expands them."""

    lines: tuple[Line, ...]
    expands: bool


class Command(NamedTuple):
    """A simple command: its words, where its output goes (operator and name of a file), and what it reads.

    `document` is its here-document, and `before` the command whose output a pipe brings.
    """

    words: tuple[Token, ...]
    outputs: tuple[tuple[str, Token], ...]
    document: Document | None
    before: Command | None


def read(script: Text) -> Iterator[tuple[Line, Command]]:
    """Yield the commands of a script, each with the line on which it, or what it stands in, begins."""
    lines = iter(script.lines)
    for line in lines:
        tokens, documents = _line(line, lines)
        rest = iter(documents)
        for is_separator, group in itertools.groupby(tokens, lambda each: each.operator in _SEPARATORS):
            if not is_separator:
                yield from ((line, each) for each in _pipeline(list(group), rest))


def _line(line: Line, lines: Iterator[Line]) -> tuple[list[Token], list[Document]]:
    """Return the tokens of what begins with `line`, and the here-documents that follow it."""
    whole = line.text
    for number in itertools.count():
        if not whole.endswith("\\"):
            try:
                tokens = words.split(whole)
                break
            except words.Unbalanced:
                pass
        following = next(lines, None)
        if following is None or number > _MOST_LINES:
            return [], []  # a quote that never ends: bash refuses it too
        whole += f"\n{following.text}"
    documents = []
    for number, token in enumerate(tokens):
        if token.operator in _HERE:
            delimiter = tokens[number + 1] if number + 1 < len(tokens) else Token("")
            documents.append(_document(delimiter, lines, strips_tabs=token.operator == "<<-"))
    return tokens, documents


def _document(delimiter: Token, lines: Iterator[Line], *, strips_tabs: bool) -> Document:
    end = "".join(part.text for part in delimiter.parts)
    expands = all(part.kind == words.BARE for part in delimiter.parts)
    found = []
    for line in lines:
        tabs = len(line.text) - len(line.text.lstrip("\t")) if strips_tabs else 0
        (shortened,) = text.without_indent([line], tabs)
        if shortened.text == end:
            break
        found.append(shortened)
    return Document(tuple(found), expands)


def _pipeline(tokens: Sequence[Token], documents: Iterator[Document]) -> Iterator[Command]:
    before: Command | None = None
    for is_pipe, group in itertools.groupby(tokens, lambda each: each.operator == "|"):
        if not is_pipe:
            before = _simple(iter(list(group)), documents, before)
            yield before


def _simple(tokens: Iterator[Token], documents: Iterator[Document], before: Command | None) -> Command:
    found: list[Token] = []
    outputs: list[tuple[str, Token]] = []
    document: Document | None = None
    for token in tokens:
        if token.operator in _HERE:
            next(tokens, None)
            document = next(documents, None)
        elif token.operator in _OUTPUTS:
            outputs.append((token.operator, next(tokens, Token(""))))
        elif token.operator in ("(", ")"):
            found.append(Token("", (words.Part(words.BARE, token.operator),)))
        elif token.operator:
            next(tokens, None)  # another redirection, with its file
        else:
            found.append(token)
    return Command(tuple(found), tuple(outputs), document, before)
