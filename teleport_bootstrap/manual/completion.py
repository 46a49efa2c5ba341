"""Shell completion, which shtab makes from the parser when packages are built; instances need no shtab."""

from __future__ import annotations

import argparse
import re

import shtab

from teleport_bootstrap.cli import layout, main
from teleport_bootstrap.conf import variables

# The names that stand for values in usage lines, by what completes them.
_FILES = {"FILE", "CONF", "ARCHIVE", "BACKUP", "PATH"}
_DIRECTORIES = {"DIR", "DIRECTORY", "DESTINATION", "PLACE"}

# The command that runs when only its parent is named: its options are valid at once.
DEFAULTS = {"backup": "create"}

# Bash splits --option=value into three words, which shtab does not join.
BASH = """
_teleport_bootstrap() {
    local word current=${COMP_WORDS[COMP_CWORD]} before=("${COMP_WORDS[@]:0:COMP_CWORD}")
    local COMP_WORDS=() COMP_CWORD
    for word in "${before[@]}"; do
        [[ $word == '=' ]] || COMP_WORDS+=("$word")
    done
    COMP_CWORD=${#COMP_WORDS[@]}
    COMP_WORDS+=("${current#=}")
    _shtab_teleport_bootstrap
}
complete -o bashdefault -F _teleport_bootstrap teleport-bootstrap
"""


def bash() -> str:
    """Return the script for bash."""
    return _script("bash") + BASH


def zsh() -> str:
    """Return the function for zsh, to be installed as `_teleport-bootstrap`.

    shtab lets zsh complete neither `--option=value` nor the second of several arguments; the specifications say both.
    """
    text = re.sub(r'^(  "--[a-z-]+)(\[.*\]:)', r"\1=\2", _script("zsh"), flags=re.MULTILINE)
    return text.replace('"(*)::', '"*:')


def fish() -> str:
    """Return the script for fish."""
    return _script("fish")


def _script(shell: str) -> str:
    parser = main.parser()
    shared = {each.dest: each.help for each in parser._actions if each.option_strings}
    _prepare(parser, shared)
    return shtab.complete(parser, shell=shell) + "\n"


def _prepare(parser: argparse.ArgumentParser, shared: dict[str, str | None]) -> None:
    """Show the shared options of each command, and mark which values can be completed."""
    for name, below in layout.commands(parser):
        below.description = layout.purpose(parser, name)
        _prepare(below, shared)
        if DEFAULTS.get(parser.prog.rpartition(" ")[2]) == name:
            for action in below._actions:
                if action.option_strings and action.dest not in shared:
                    parser._add_action(action)
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            action.help = shared.get(action.dest, argparse.SUPPRESS)
        value = layout.value_name(action)
        if action.choices is not None:
            continue
        if value == "VARIABLE":
            action.choices = list(variables.BY_NAME)
        elif value in _FILES | _DIRECTORIES:
            action.complete = shtab.FILE if value in _FILES else shtab.DIRECTORY  # type: ignore[attr-defined]
