"""Parses the command line: a mistyped command, option or value is an error that suggests the right one."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Collection, Iterable

from teleport_bootstrap import errors
from teleport_bootstrap.cli import layout
from teleport_bootstrap.hints import Any, NoReturn

# What other programs call it, and what it is here.
_OTHER_COMMANDS = {
    "apply": "reconfigure",
    "check": "validate",
    "diff": "plan",
    "help": "--help",
    "log": "collect-logs",
    "logs": "collect-logs",
    "undo": "rollback",
    "verify": "backup verify",
    "version": "--version",
}
_OTHER_OPTIONS = {
    "--debug": "--log-level debug",
    "--json": "--format json",
    "--verbose": "--log-level debug",
    "-n": "--dry-run",
    "-v": "--version",
    "-y": "--yes",
}


class Parser(argparse.ArgumentParser):
    """Raises UsageError, so that a wrong command line is reported like every other error.

    Options cannot be abbreviated: an abbreviation may become ambiguous when an option is added.
    """

    def __init__(self, **named: Any) -> None:
        super().__init__(allow_abbrev=False, **{"formatter_class": layout.FORMATTER, **named})

    def error(self, message: str) -> NoReturn:
        """Report a wrong command line."""
        raise errors.UsageError(message, hint=f"Run `{self.prog} --help`.")

    def format_help(self) -> str:
        """Return the help, which breaks no word however narrow the terminal is."""
        return layout.fit(super().format_help())

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, but for what is left over."""
        found, left = self.parse_known_args(args, namespace)
        if left:
            below = _chosen(self, found)
            unknown = [word for word in left if word.startswith("-") and word not in ("-", "--")]
            if unknown:
                below.no_option(unknown[0])
            raise errors.UsageError(
                f"`{below.prog}` does not take {left[0]!r}", hint=f"Run `{below.prog} --help` for what it takes."
            )
        return found

    def no_option(self, word: str) -> NoReturn:
        """Raise the error for an option that this command does not have."""
        option = word.partition("=")[0]
        known = [each for action in self._actions for each in action.option_strings]
        if option in known:
            # What argparse leaves over although it is an option.
            raise errors.UsageError(
                f"`{self.prog}` does not take {option} after --, which ends the options",
                hint=f"Write {option} before --.",
            )
        meant = _OTHER_OPTIONS.get(option, "")
        suggested = f"; did you mean {meant}?" if meant.partition(" ")[0] in known else did_you_mean(option, known)
        raise errors.UsageError(f"`{self.prog}` has no option {option}{suggested}", hint=f"Run `{self.prog} --help`.")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse does, with a suggestion."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(each) for each in action.choices]
        meant = did_you_mean(str(value), choices)
        if isinstance(action, argparse._SubParsersAction):
            other = _OTHER_COMMANDS.get(str(value).lower(), "")
            if other.startswith("-") or other.partition(" ")[0] in choices:
                meant = f"; did you mean {other}?"
            raise errors.UsageError(
                f"`{self.prog}` has no command {str(value)!r}{meant}",
                hint=f"Run `{self.prog} --help` for its commands.",
            )
        name = "/".join(action.option_strings) or layout.value_name(action)
        raise errors.UsageError(
            f"{name} is {str(value)!r}, and must be one of {', '.join(choices)}{meant}",
            hint=f"Run `{self.prog} --help`.",
        )


class TopParser(Parser):
    """The program itself, whose help is the list of commands; those of `run_by_units` share a line of it."""

    run_by_units: Collection[str] = ()

    def format_help(self) -> str:
        """Return the list of commands."""
        return layout.fit(layout.top(self, self.run_by_units))

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the others, but for an unknown option before the command, whose value would be taken for the command."""
        names = {name for name, _ in layout.commands(self)}
        known = {each for action in self._actions for each in action.option_strings}
        for word in args or ():
            if word in names:
                break
            if word.startswith("-") and word != "-" and word.partition("=")[0] not in known:
                self.no_option(word)
        return super().parse_args(args, namespace)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for the one of `known` that is near `word`, empty where none is."""
    # The hyphens at the start of every option make none of them more alike.
    by_letters = {each.lower().lstrip("-"): each for each in known}
    found = difflib.get_close_matches(word.lower().lstrip("-"), by_letters, n=1, cutoff=0.6)
    return f"; did you mean {by_letters[found[0]]}?" if found else ""


def _chosen(parser: Parser, found: argparse.Namespace) -> Parser:
    """Return the parser of the command that was chosen, of the one below it where there is one."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = action.choices.get(getattr(found, action.dest, None) or "")
            if isinstance(below, Parser):
                return _chosen(below, found)
    return parser
