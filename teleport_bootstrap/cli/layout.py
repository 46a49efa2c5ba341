"""The layout of `--help`: one screen of 80 columns for each command, with an example at its end.

The options that every command has take one line, so that the command's own options stand out.
"""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Collection, Iterator
from types import ModuleType

from teleport_bootstrap.hints import Any

SCREEN_COLUMNS = 80

# Options that every command has, before or after its name.
SHARED = "--root DIR, --format text|json, --log-level LEVEL"


class Formatter(argparse.HelpFormatter):
    """Keeps the lines of descriptions, puts an option and its explanation on one line, and breaks no word."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines()
        hanging = "  " if len(lines) > 1 else ""
        # argparse leaves two columns free; a line that needs them stays whole.
        fitted = (line if len(line) <= width + 2 else "\n".join(_wrapped(line, width, hanging)) for line in lines)
        return textwrap.indent("\n".join(fitted), indent)


# A blank at which no line ends.
_NO_BREAK = "\N{NO-BREAK SPACE}"


def FORMATTER(prog: str) -> Formatter:  # noqa: N802 - argparse takes it for a class
    """Return a formatter for the terminal. argparse asks for one with each option; by itself it loads `shutil` then."""
    return Formatter(prog, max_help_position=30, width=_columns() - 2)


def _columns() -> int:
    """Return the width of the terminal, as `shutil.get_terminal_size` does."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size().columns
        except (ValueError, OSError):
            columns = 0
    return columns or SCREEN_COLUMNS


def fit(text: str, columns: int | None = None) -> str:
    """Return a help text whose lines end between words where they are longer than the terminal, or `columns`."""
    columns = columns or _columns()
    return "\n".join(_fitted(line, columns) for line in text.split("\n")).replace(_NO_BREAK, " ")


def _fitted(line: str, columns: int) -> str:
    if len(line) <= columns:
        return line
    longest = max(map(len, line.split()))
    indent = line[: max(0, min(len(line) - len(line.lstrip()), columns - longest - 2))]
    return "\n".join(indent + each for each in _wrapped(line.strip(), columns - len(indent), hanging="  "))


def _wrapped(text: str, width: int, hanging: str = "") -> list[str]:
    return textwrap.wrap(
        text, max(width, 1), subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    ) or [""]


def finish(parser: argparse.ArgumentParser, example: str) -> None:
    """Set the usage line and the epilog of `parser`, which has all its arguments.

    Commands below it, such as those of `backup`, have their own example as their epilog.
    """
    for _, below in commands(parser):
        finish(below, (below.epilog or "").partition("Example: ")[2])
    parser.usage = _usage(parser)
    parser.epilog = f"{_below(parser)}Also, as for every command: {_shared(parser)}\nExample: {example}"


def _shared(parser: argparse.ArgumentParser) -> str:
    """Return what the help of a command says of the options that every command has; its --format may take more."""
    forms = next((each.choices for each in parser._actions if "--format" in each.option_strings), None)
    return SHARED.replace("text|json", "|".join(forms or ())) if forms else SHARED


def _below(parser: argparse.ArgumentParser) -> str:
    """Return what the help of a command says of the options of those below it."""
    lines = []
    for name, below in commands(parser):
        words = [_argument(each) if not each.option_strings else _words(each) for each in _explained_here(below)]
        lines.append(f"{name}: {', '.join(each.replace(' ', _NO_BREAK) for each in words)}")
    if not lines:
        return ""
    return "\n".join([*lines, f"`{parser.prog} COMMAND --help` explains them."]) + "\n\n"


def description(module: ModuleType) -> str:
    """Return the description of a command from the first line of its module, as a sentence."""
    text = (module.__doc__ or "").splitlines()[0].partition(": ")[2]
    return f"{text[:1].upper()}{text[1:]}"


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield name and parser of each command directly below `parser`; None where it is only mentioned."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def mention(commands: argparse._SubParsersAction[Any], name: str, purpose: str) -> None:
    """List a command without a parser for it: one that is not on the command line, only in help and suggestions."""
    commands._choices_actions.append(commands._ChoicesPseudoAction(name, (), purpose))
    commands._name_parser_map[name] = None


def purpose(parser: argparse.ArgumentParser, name: str) -> str:
    """Return the line that the help of `parser` has for the command `name` below it."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return next((each.help or "" for action in below for each in action._choices_actions if each.dest == name), "")


def top(parser: argparse.ArgumentParser, run_by_units: Collection[str] = ()) -> str:
    """Return the help of the program itself: a line for each command, and one for all of those `run_by_units`."""
    names = [name for name, _ in commands(parser) if name not in run_by_units]
    width = max(map(len, names)) + 2
    lines = [
        f"usage: {parser.prog} [OPTIONS] COMMAND ...",
        *(f"  {name:<{width}}{purpose(parser, name)}" for name in names),
        *([f"Run by units: {', '.join(run_by_units)}"] if run_by_units else []),
        f"Options: {SHARED}, --version",
        f"Exit status: 0 is success; all others and error codes: man {parser.prog}",
        f"Example: {parser.prog} status; and `{parser.prog} COMMAND --help`",
    ]
    return "\n".join(lines) + "\n"


def value_name(action: argparse.Action) -> str:
    """Return the placeholder for the value of an option or argument in a usage line; empty if it takes none."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar is not None:
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices is not None else action.dest.upper()


def _usage(parser: argparse.ArgumentParser) -> str:
    """Return a usage line; it lists the optional options if there is room for all of them."""
    options = [each for each in _explained_here(parser) if each.option_strings]
    required = [_words(each) for each in options if each.required]
    optional = [f"[{_words(each)}]" for each in options if not each.required]
    arguments = list(map(_argument, _arguments(parser)))
    whole = " ".join(["%(prog)s", *required, *optional, *arguments])
    if len(f"usage: {whole}") - len("%(prog)s") + len(parser.prog) <= SCREEN_COLUMNS:
        return whole
    return " ".join(["%(prog)s", *required, "[OPTIONS]", *arguments])


def _explained_here(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the options and arguments that the help of `parser` itself explains."""
    return [
        each
        for each in parser._actions
        if each.help != argparse.SUPPRESS and not isinstance(each, argparse._HelpAction)
    ]


def _arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [each for each in _explained_here(parser) if not each.option_strings]


def _words(option: argparse.Action) -> str:
    return f"{option.option_strings[-1]} {value_name(option)}".rstrip()


def _argument(action: argparse.Action) -> str:
    if isinstance(action, argparse._SubParsersAction):
        return "COMMAND ..."
    name = value_name(action)
    forms = {"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} [{name} ...]"}
    return forms.get(str(action.nargs), name)
