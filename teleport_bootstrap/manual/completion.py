"""Shell completion, which shtab makes from the parser when packages are built; instances need no shtab."""

from __future__ import annotations

import argparse
import re

import shtab

from teleport_bootstrap import paths
from teleport_bootstrap.cli import layout, main
from teleport_bootstrap.conf import variables

# The names that stand for values in usage lines, by what completes them.
_FILES = {"FILE", "CONF", "BACKUP", "PATH"}
_DIRECTORIES = {"DIR", "DIRECTORY", "DESTINATION", "PLACE"}

# The command that runs when only its parent is named: its options are valid at once.
DEFAULTS = {"backup": "create"}

# What is on this host is listed by the shell itself: it is fast, asks for no password, and offers nothing to an account
# that cannot read it. Each function looks under the --root of the line.
_OF_HOST = {
    "bash": f"""
_teleport_bootstrap_root() {{
    local i
    for ((i = 1; i < COMP_CWORD - 1; i++)); do
        [[ ${{COMP_WORDS[i]}} == --root ]] && printf '%s' "${{COMP_WORDS[i + 1]%/}}"
    done
}}
_teleport_bootstrap_generations() {{
    local each
    for each in "$(_teleport_bootstrap_root)"{paths.GENERATIONS}/[0-9]*/; do
        [[ -d $each ]] && each=${{each%/}} && compgen -W "${{each##*/}}" -- "$1"
    done
}}
_teleport_bootstrap_archives() {{
    local each
    for each in "$(_teleport_bootstrap_root)"{paths.BACKUPS}/teleport-*.tar.{{zst,gz}}; do
        [[ -f $each && $each == "$1"* ]] && printf '%s\\n' "$each"
    done
    _shtab_compgen_files "$1"
}}
""",
    "zsh": f"""
_teleport_bootstrap_root() {{
    # By now, `words` has lost those before the command.
    local -a typed=(${{(Q)${{(z)BUFFER}}}})
    local at=${{typed[(I)--root]}}
    (( at )) && print -r -- ${{typed[at + 1]%/}}
}}
_teleport_bootstrap_generations() {{
    local -a found=("$(_teleport_bootstrap_root)"{paths.GENERATIONS}/<->(N:t))
    compadd -a found
}}
_teleport_bootstrap_archives() {{
    local -a found=("$(_teleport_bootstrap_root)"{paths.BACKUPS}/teleport-*.tar.(zst|gz)(N))
    compadd -a found
    _files
}}
""",
    "fish": f"""
function _teleport_bootstrap_root
    set -l words (commandline -opc)
    if set -l at (contains -i -- --root $words)
        string trim -r -c / -- $words[(math $at + 1)]
    else
        echo
    end
end
function _teleport_bootstrap_generations
    for each in (_teleport_bootstrap_root){paths.GENERATIONS}/*
        string match -r '[0-9]+$' -- $each
    end
end
function _teleport_bootstrap_archives
    for each in (_teleport_bootstrap_root){paths.BACKUPS}/teleport-*
        string match -r '.*[.]tar[.](?:zst|gz)$' -- $each
    end
    __fish_complete_path (commandline -ct)
end
""",
}


def _of_host(name: str) -> dict[str, object]:
    function = f"_teleport_bootstrap_{name}"
    return {"bash": function, "zsh": function, "fish": f"({function})", "preamble": _OF_HOST}


# By the name of what the option or argument sets, then by the name that stands for its value.
_BY_NAME = {"generation": _of_host("generations"), "diff": _of_host("generations")}
_BY_VALUE = {"ARCHIVE": _of_host("archives")}

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
        elif value in _BY_VALUE or (action.dest in _BY_NAME and value):
            action.complete = _BY_VALUE.get(value) or _BY_NAME[action.dest]  # type: ignore[attr-defined]
        elif value in _FILES | _DIRECTORIES:
            action.complete = shtab.FILE if value in _FILES else shtab.DIRECTORY  # type: ignore[attr-defined]
