"""What can be completed where: the tree of commands as the three shells need it."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from teleport_bootstrap.conf import variables
from teleport_bootstrap.manual import command_tree


class Kind(enum.Enum):
    """Where values come from: a list of words, the file system, or somebody's head."""

    WORDS = "words"
    FILES = "files"
    DIRECTORIES = "directories"
    UNKNOWN = "unknown"


# What the names that stand for values in a usage line promise.
_FILES = {"FILE", "CONF", "ARCHIVE", "BACKUP", "PATH"}
_DIRECTORIES = {"DIR", "DIRECTORY", "DESTINATION", "PLACE"}
_VARIABLES = {"VARIABLE"}

# The command that is meant where none is named: its options may follow at once.
MEANT: dict[tuple[str, ...], str] = {("backup",): "create"}


@dataclass(frozen=True)
class Values:
    """The values of one option or argument; `words` only where they are its kind."""

    kind: Kind
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A point on the command line: after these commands, this can follow. `path` is empty for the program itself.

    `options` has every option that is taken here, the shared ones too. The last of `arguments` stands for all that
    follow where `endless`.
    """

    path: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    options: tuple[command_tree.Option, ...]
    arguments: tuple[Values, ...]
    endless: bool


def places() -> Iterator[Place]:
    """Yield every place, the program itself first."""
    program = command_tree.program()
    shared = command_tree.shared()
    yield _place(program, ())
    for each in program.all_below():
        yield _place(each, shared)


def values(option: command_tree.Option) -> Values | None:
    """Return what can stand behind an option, None where nothing does."""
    if not option.value:
        return None
    if option.choices:
        return Values(Kind.WORDS, option.choices)
    if option.value in _VARIABLES:
        return Values(Kind.WORDS, tuple(variables.BY_NAME))
    if option.value in _FILES:
        return Values(Kind.FILES)
    if option.value in _DIRECTORIES:
        return Values(Kind.DIRECTORIES)
    return Values(Kind.UNKNOWN)


def _place(command: command_tree.Command, shared: tuple[command_tree.Option, ...]) -> Place:
    help_option = command_tree.Option(("-h", "--help"), "", "show what there is")
    meant = [each for each in command.below if each.words[-1] == MEANT.get(command.words[1:])]
    implied = [option for each in meant for option in each.options]
    return Place(
        path=command.words[1:],
        commands=tuple((each.words[-1], each.purpose) for each in command.below),
        options=(*command.options, *implied, *shared, help_option),
        arguments=tuple(found for each in command.arguments if (found := values(each)) is not None),
        endless=any(each.repeated for each in command.arguments),
    )
