"""`teleport-bootstrap variables`: explain the variables of the conf."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from teleport_bootstrap import display, errors
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.conf import reference, variables
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.roles import Role

EXAMPLE = "teleport-bootstrap variables TELEPORT_AUTH_SERVER_LB"

_COLUMNS = 80
OPTIONS = (
    options.option("names", "which to explain; default: a line for each", nargs="*", metavar="VARIABLE"),
    options.option("--role", "only those that this role reads", choices=[role.value for role in Role]),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Print the reference of the named variables, or a list of all."""
    chosen = [_variable(name) for name in arguments.names] or list(variables.TABLE)
    if arguments.role is not None:
        chosen = [each for each in chosen if Role(arguments.role) in each.roles]
    text = "\n".join(map(_explained, chosen)) if arguments.names else _list(chosen)
    return result.Result(display.Block(text), {"variables": [_data(each) for each in chosen]})


def _variable(name: str) -> Variable[Any]:
    variable = variables.find(name)
    if variable is None:
        meant = variables.nearest(name)
        raise errors.UsageError(
            f"there is no variable {name}" + (f"; did you mean {meant}?" if meant else ""),
            hint="`teleport-bootstrap variables` lists them all.",
        )
    return variable


def _list(chosen: list[Variable[Any]]) -> str:
    lines = []
    for group in variables.GROUPS:
        mine = [each for each in group.variables if each in chosen]
        if mine:
            lines += ["", group.title, *(_line(each) for each in mine)]
    return "\n".join(lines[1:])


def _line(variable: Variable[Any]) -> str:
    start = f"  {variable.name:<{max(map(len, variables.BY_NAME))}}  "
    return start + textwrap.shorten(reference.plain(variable.help), _COLUMNS - len(start), placeholder=" ...")


def _explained(variable: Variable[Any]) -> str:
    lines = _wrapped(reference.plain(variable.help))
    for name, fact in reference.facts(variable):
        lines += _wrapped(f"{name}: {reference.plain(fact)}", indent="  ")
    return "\n".join([variable.name, *(f"    {line}" for line in lines), ""])


def _wrapped(text: str, indent: str = "") -> list[str]:
    width = _COLUMNS - 4
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def _data(variable: Variable[Any]) -> dict[str, Any]:
    return {
        "name": variable.name,
        "type": variable.kind.name,
        "roles": [role.value for role in variable.roles],
        "help": variable.help,
        "required": variable.required_words or None,
        "default": variable.default_words or None,
        "secret": variable.secret,
        "since": variable.since or None,
    }
