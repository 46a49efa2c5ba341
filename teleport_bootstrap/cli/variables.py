"""`teleport-bootstrap variables`: explain the variables of the conf."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable, Iterator

from teleport_bootstrap import display, errors
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.conf import examples, reference, slips, variables
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.hints import Any
from teleport_bootstrap.roles import Role

EXAMPLE = "teleport-bootstrap variables TELEPORT_AUTH_SERVER_LB"

_COLUMNS = 80
OPTIONS = (
    options.option(
        "names", "names, or words to search for; default: a line for each variable", nargs="*", metavar="VARIABLE"
    ),
    options.option("--role", "only those that this role reads", choices=[role.value for role in Role]),
    options.option("--example", "print a conf to start from", choices=[role.value for role in Role]),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Print what is found of the named variables, a list of all, or an example."""
    if arguments.example is not None:
        return _example(arguments)
    found = [_matching(word, arguments.role) for word in arguments.names] or [_of_role(variables.TABLE, arguments.role)]
    chosen = list(dict.fromkeys(variable for each in found for variable in each))
    # What was named, or is the only thing found, is explained; of several that hold a word there is a list.
    explained = [each[0] for each in found if len(each) == 1]
    listed = [variable for variable in chosen if variable not in explained]
    parts = [*map(_explained, explained), *([_list(listed)] if listed else [])]
    text = [line for part in parts for line in ("", *part)][1:]
    return result.Result(text, {"variables": [_data(each) for each in chosen]})


def _example(arguments: argparse.Namespace) -> result.Result:
    if arguments.names or arguments.role is not None:
        raise errors.UsageError(
            "--example prints a whole conf, and takes no variables and no --role",
            hint="Leave them out, or leave --example out.",
        )
    text = examples.conf(Role(arguments.example))
    return result.Result(display.Block(text), {"role": arguments.example, "content": text})


def _matching(word: str, role: str | None) -> list[Variable[Any]]:
    """Return the variable that `word` names, else those of the role that hold it in their name or explanation."""
    variable = variables.find(word) or variables.find(word.upper())
    if variable is not None:
        return _of_role([variable], role)
    found = _of_role([each for each in variables.TABLE if _holds(each, word)], role)
    if not found:
        meant = slips.nearest(word)
        raise errors.UsageError(
            f"no variable has {word} in its name or explanation" + (f"; did you mean {meant}?" if meant else ""),
            hint="`teleport-bootstrap variables` lists them all.",
        )
    return found


def _of_role(found: Iterable[Variable[Any]], role: str | None) -> list[Variable[Any]]:
    return [each for each in found if role is None or Role(role) in each.roles]


def _holds(variable: Variable[Any], word: str) -> bool:
    """Return whether `word` is in the name, or a word of what is said of the variable begins with it."""
    word = word.lower()
    said = [variable.help, *(fact for name, fact in reference.facts(variable) if name != "Roles")]
    begins = re.compile(rf"(?<![a-z0-9]){re.escape(word)}")
    # "port" is a part of each TELEPORT_.
    name = variable.name.lower() if word.startswith("teleport") else variable.name.lower().removeprefix("teleport_")
    return word in name or any(begins.search(reference.plain(each).lower()) for each in said)


def _list(chosen: list[Variable[Any]]) -> list[str]:
    lines: list[str] = []
    for group in variables.GROUPS:
        mine = [each for each in group.variables if each in chosen]
        if mine:
            lines += ["", display.Heading(group.title), *(_line(each) for each in mine)]
    return lines[1:]


def _line(variable: Variable[Any]) -> str:
    start = f"  {variable.name:<{max(map(len, variables.BY_NAME))}}  "
    text = reference.plain(variable.help)
    shortened = textwrap.shorten(text, _COLUMNS - len(start), placeholder=" ...")
    return display.Fitted(start + shortened, start + " ".join(text.split()))


def _explained(variable: Variable[Any]) -> Iterator[str]:
    yield display.Heading(variable.name)
    yield _wrapped(reference.plain(variable.help))
    for name, fact in reference.facts(variable):
        yield _wrapped(f"{name}: {reference.plain(fact)}", hang="  ")


def _wrapped(text: str, hang: str = "") -> display.Fitted:
    start = "    "
    lines = textwrap.wrap(
        text,
        _COLUMNS,
        initial_indent=start,
        subsequent_indent=start + hang,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return display.Fitted("\n".join(lines), start + " ".join(text.split()))


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
