"""The commands with their options and arguments, as the parser has them: what every generated text is made from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from teleport_bootstrap.cli import layout, main


@dataclass(frozen=True)
class Option:
    """An option, or an argument where `names` is empty. `value` stands for what it takes, empty where it takes none.

    `choices` are the only values that it takes; `repeated` says that there may be several.
    """

    names: tuple[str, ...]
    value: str
    help: str
    choices: tuple[str, ...] = ()
    repeated: bool = False


@dataclass(frozen=True)
class Command:
    """A command: `words` are what one types, `purpose` is one line, `description` a sentence, `below` its commands.

    `options` are its own, without those of every command.
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
        """Yield every command below this one, each before its own."""
        for each in self.below:
            yield each
            yield from each.all_below()


def program() -> Command:
    """Return the program itself."""
    parser = main.parser()
    return _command(parser, (parser.prog,), parser.description or "")


def shared() -> tuple[Option, ...]:
    """Return the options that every command has, before or after its name."""
    return tuple(each for each in program().options if "--version" not in each.names)


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
        choices=tuple(map(str, action.choices or ())),
        repeated=action.nargs in ("*", "+") or isinstance(action, argparse._AppendAction),
    )
