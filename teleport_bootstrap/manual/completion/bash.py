"""Completion for bash: plain compgen, without the bash-completion package."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from teleport_bootstrap.manual.completion import choices
from teleport_bootstrap.manual.completion.choices import Kind, Place, Values

_START = """\
# bash completion for teleport-bootstrap
# Made by `python3 -m teleport_bootstrap.manual bash`; change it there.

_teleport_bootstrap() {
    local current=${COMP_WORDS[COMP_CWORD]} before='' place='' word number waiting='' count=0
    COMPREPLY=()
    # Bash takes --option=value for three words.
    [[ $current == '=' ]] && current=''
    for ((number = 1; number < COMP_CWORD; number++)); do
        word=${COMP_WORDS[number]}
        [[ $word == '=' ]] && continue
        if [[ -n $waiting ]]; then
            waiting=''
            continue
        fi
        case $place:$word in
"""

_MIDDLE = """\
            *:-*) ;;
            *) count=$((count + 1)) ;;
        esac
    done
    before=$waiting
    if [[ -n $before ]]; then
        case $place:$before in
"""

_OPTIONS = """\
        esac
        return
    fi
    if [[ $current == -* ]]; then
        case $place in
"""

_ARGUMENTS = """\
        esac
        return
    fi
    case $place:$count in
"""

_END = """\
    esac
}

_teleport_bootstrap_words() {
    local word
    for word in $1; do
        [[ $word == "$2"* ]] && COMPREPLY+=("$word")
    done
}

_teleport_bootstrap_paths() {
    local path
    while IFS='' read -r path; do
        COMPREPLY+=("$path")
    done < <(compgen "$1" -- "$2")
    compopt -o filenames 2>/dev/null
}

complete -F _teleport_bootstrap teleport-bootstrap
"""


def script() -> str:
    """Return the script."""
    found = list(choices.places())
    return "".join(
        [
            _START,
            *_walk(found),
            _MIDDLE,
            *_values(found),
            _OPTIONS,
            *_options(found),
            _ARGUMENTS,
            *_arguments(found),
            _END,
        ]
    )


def _name(place: Place) -> str:
    return "/".join(place.path)


def _walk(places: list[Place]) -> Iterator[str]:
    """Lines that follow the words before the cursor from place to place, and past the values of options."""
    for place in places:
        for name, _ in place.commands:
            below = "/".join((*place.path, name))
            yield f"            {shlex.quote(f'{_name(place)}:{name}')}) place={below} count=0 ;;\n"
    for place in places:
        taking = [name for option in place.options if choices.values(option) for name in option.names]
        patterns = "|".join(shlex.quote(f"{_name(place)}:{name}") for name in taking)
        if patterns:
            yield f"            {patterns}) waiting=$word ;;\n"


def _values(places: list[Place]) -> Iterator[str]:
    for place in places:
        for option in place.options:
            call = _call(choices.values(option))
            if call:
                patterns = "|".join(shlex.quote(f"{_name(place)}:{name}") for name in option.names)
                yield f"            {patterns}) {call} ;;\n"


def _options(places: list[Place]) -> Iterator[str]:
    for place in places:
        names = " ".join(option.names[-1] for option in place.options)
        yield f'            {shlex.quote(_name(place))}) _teleport_bootstrap_words {shlex.quote(names)} "$current" ;;\n'


def _arguments(places: list[Place]) -> Iterator[str]:
    for place in places:
        if place.commands:
            names = " ".join(name for name, _ in place.commands)
            yield f"        {shlex.quote(f'{_name(place)}:0')}) {_call(Values(Kind.WORDS, tuple(names.split())))} ;;\n"
        for number, argument in enumerate(place.arguments):
            last = place.endless and number == len(place.arguments) - 1
            call = _call(argument)
            if call:
                pattern = f"{shlex.quote(_name(place) + ':')}*" if last else shlex.quote(f"{_name(place)}:{number}")
                yield f"        {pattern}) {call} ;;\n"


def _call(values: Values | None) -> str:
    if values is None or values.kind is Kind.UNKNOWN:
        return ""
    if values.kind is Kind.WORDS:
        return f'_teleport_bootstrap_words {shlex.quote(" ".join(values.words))} "$current"'
    return f'_teleport_bootstrap_paths {"-d" if values.kind is Kind.DIRECTORIES else "-f"} "$current"'
