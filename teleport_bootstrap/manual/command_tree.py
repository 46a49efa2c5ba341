"""The commands with their options and arguments, read from the parser; the source of the manual page."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from teleport_bootstrap.cli import layout, main


@dataclass(frozen=True)
class Option:
    """An option, or an argument if `names` is empty. `value` is the placeholder of its value, empty for none."""

    names: tuple[str, ...]
    value: str
    help: str


@dataclass(frozen=True)
class Command:
    """A command: `words` as typed, `purpose` in one line, `description` in a sentence, `below` its subcommands.

    `options` does not include the options of every command.
    """

    words: tuple[str, ...]
    purpose: str
    description: str
    usage: str
    example: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    below: tuple[Command, ...]

    def all_below(self) -> Iterator[Command]:
        """Yield every command below this one, each before its subcommands."""
        for each in self.below:
            yield each
            yield from each.all_below()


def program() -> Command:
    """Return the program itself."""
    parser = main.parser()
    return _command(parser, (parser.prog,), parser.description or "")


def _command(parser: argparse.ArgumentParser, words: tuple[str, ...], purpose: str) -> Command:
    shown = [
        each
        for each in parser._actions
        if each.help != argparse.SUPPRESS and not isinstance(each, (argparse._HelpAction, argparse._SubParsersAction))
    ]
    options = [_option(parser, each) for each in shown]
    return Command(
        words=words,
        purpose=purpose,
        description=" ".join((parser.description or purpose).split()),
        usage=" ".join(parser.format_usage().split()).partition("usage: ")[2],
        example=parser.format_help().rpartition("Example: ")[2].partition(";")[0].strip(),
        options=tuple(each for each in options if each.names),
        arguments=tuple(each for each in options if not each.names),
        below=tuple(
            _command(below, (*words, name), layout.purpose(parser, name)) for name, below in layout.commands(parser)
        ),
    )


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    return Option(
        names=tuple(action.option_strings),
        value=layout.value_name(action),
        help=parser._get_formatter()._expand_help(action),
    )
