"""What a shell script is made of: lists of pipelines of commands, with their redirections and here-documents."""

from __future__ import annotations

from teleport_bootstrap.hints import NamedTuple, Union
from teleport_bootstrap.user_data.text import Line
from teleport_bootstrap.user_data.words import Word

# What a compound command is.
BRACES, SUBSHELL, IF, LOOP, CASE, TEST = "{", "(", "if", "loop", "case", "[["


class Document:
    """A here-document; its lines are read when the line with its beginning is over. `expands` as the shell does."""

    def __init__(self, delimiter: str, *, expands: bool, strips_tabs: bool) -> None:
        self.delimiter = delimiter
        self.expands = expands
        self.strips_tabs = strips_tabs
        self.lines: tuple[Line, ...] = ()


class Redirection(NamedTuple):
    """Where a file descriptor goes; `descriptor` is as written, and "" for the usual one."""

    descriptor: str
    operator: str
    target: Word
    document: Document | None


class Simple(NamedTuple):
    """A command and its arguments, assignments included."""

    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    start: int


class Compound(NamedTuple):
    """Commands that one word begins. `branches` are the lists of an IF: condition, body, condition, body, other.

    `names` are the words of a `for` and the subject of a `case`, whose `patterns` are one for each branch; those of
    `[[` are all that stands in it, operators too.
    """

    kind: str
    branches: tuple[tuple[Item, ...], ...]
    redirections: tuple[Redirection, ...]
    start: int
    word: str = ""
    names: tuple[Word, ...] = ()
    patterns: tuple[tuple[Word, ...], ...] = ()


class Function(NamedTuple):
    """The definition of a function."""

    name: str
    body: Compound
    start: int


Command = Union[Simple, Compound, Function]


class Pipeline(NamedTuple):
    """Commands of which each reads what the one before it prints."""

    commands: tuple[Command, ...]
    is_negated: bool


class Item(NamedTuple):
    """Pipelines with `&&` or `||` before each but the first, and whether they run in the background."""

    pipelines: tuple[tuple[str, Pipeline], ...]
    is_background: bool
