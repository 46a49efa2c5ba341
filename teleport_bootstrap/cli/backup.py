"""`teleport-bootstrap backup`: make a backup of this host; list and verify backups."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
from collections.abc import Sequence
from types import ModuleType

from teleport_bootstrap import errors
from teleport_bootstrap.cli import layout, result
from teleport_bootstrap.hints import Any

EXAMPLE = "teleport-bootstrap backup s3://acme-backups/teleport --keep 7"

MAKE = "create"
BELOW = {
    MAKE: "make a backup; the default command",
    "list": "list the backups in a place",
    "verify": "read all of a backup, and name what is damaged",
}

_WITH_VALUE = ("--root", "--format", "--log-level")


def _add_commands(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="backup_command", metavar="COMMAND", required=True)
    for name, purpose in BELOW.items():
        module = _module(name)
        sub = below.add_parser(name, help=purpose, description=layout.description(module))
        for declare in module.OPTIONS:
            declare(sub)
        sub.epilog = f"Example: {module.EXAMPLE}"
    _let_create_be_left_out(parser)


OPTIONS = (_add_commands,)


def run(arguments: argparse.Namespace) -> result.Result:
    """Run the command below this one."""
    done: result.Result = _module(arguments.backup_command).run(arguments)
    return done


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"teleport_bootstrap.cli.backup_{name}")


def _let_create_be_left_out(parser: argparse.ArgumentParser) -> None:
    """Make `backup PLACE --keep 7` mean `backup create PLACE --keep 7`."""
    parse = parser.parse_known_args

    def parse_known_args(args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        return parse(_completed(list(args or ())), namespace)

    parser.parse_known_args = parse_known_args  # type: ignore[method-assign]


def _completed(words: list[str]) -> list[str]:
    place = 0
    while place < len(words) and words[place].partition("=")[0] in _WITH_VALUE:
        place += 1 if "=" in words[place] else 2
    first = words[place] if place < len(words) else ""
    if first in BELOW or first in ("-h", "--help"):
        return words
    # With an option before the command, `list` would be taken for a directory of that name.
    mistaken = [word for word in words[place:] if word in BELOW]
    if mistaken:
        raise errors.UsageError(
            f"`{mistaken[0]}` must be the first word after `backup`",
            hint=f"Write ./{mistaken[0]} for a directory of that name.",
        )
    meant = difflib.get_close_matches(first.lower(), BELOW, n=1)
    if meant and "/" not in first and not os.path.exists(first):
        raise errors.UsageError(
            f"`backup` has no command {first!r}, and there is no directory of that name here",
            hint=f"Did you mean `backup {meant[0]}`? Write ./{first} for a new directory of that name.",
        )
    return [*words[:place], MAKE, *words[place:]]
