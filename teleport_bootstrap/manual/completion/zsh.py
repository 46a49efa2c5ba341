"""Completion for zsh, with a word on each command and option."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from teleport_bootstrap.manual.completion import choices
from teleport_bootstrap.manual.completion.choices import Kind, Place, Values

_START = """\
#compdef teleport-bootstrap
# Made by `python3 -m teleport_bootstrap.manual zsh`; change it there.

_teleport_bootstrap() {
    local place='' word waiting='' option=''
    integer number=0 count=0
    local -a found
    for (( number = 2; number < CURRENT; number++ )); do
        word=${words[number]}
        if [[ -n $waiting ]]; then
            waiting=''
            continue
        fi
        case "$place:$word" in
"""

_MIDDLE = """\
            (*:-*) ;;
            (*) (( count += 1 )) ;;
        esac
    done
    option=$waiting
    if [[ -z $option && $PREFIX == --*=* ]]; then
        option=${PREFIX%%=*}
        compset -P '*='
    fi
    if [[ -n $option ]]; then
        case "$place:$option" in
"""

_OPTIONS = """\
        esac
        return
    fi
    if [[ $PREFIX == -* ]]; then
        case "$place" in
"""

_ARGUMENTS = """\
        esac
        _describe -o option found
        return
    fi
    case "$place:$count" in
"""

_END = """\
    esac
}

if [[ $funcstack[1] == _teleport-bootstrap ]]; then
    _teleport_bootstrap "$@"
else
    compdef _teleport_bootstrap teleport-bootstrap
fi
"""


def script() -> str:
    """Return the function's file, to be called `_teleport-bootstrap`."""
    found = list(choices.places())
    parts = [_START, *_walk(found), _MIDDLE, *_values(found), _OPTIONS, *_options(found), _ARGUMENTS]
    return "".join([*parts, *_arguments(found), _END])


def _name(place: Place) -> str:
    return "/".join(place.path)


def _walk(places: list[Place]) -> Iterator[str]:
    for place in places:
        for name, _ in place.commands:
            below = "/".join((*place.path, name))
            yield f"            ({shlex.quote(f'{_name(place)}:{name}')}) place={below} count=0 ;;\n"
    for place in places:
        taking = [name for option in place.options if choices.values(option) for name in option.names]
        patterns = "|".join(shlex.quote(f"{_name(place)}:{name}") for name in taking)
        if patterns:
            yield f"            ({patterns}) waiting=$word ;;\n"


def _values(places: list[Place]) -> Iterator[str]:
    for place in places:
        for option in place.options:
            call = _call(choices.values(option))
            if call:
                patterns = "|".join(shlex.quote(f"{_name(place)}:{name}") for name in option.names)
                yield f"            ({patterns}) {call} ;;\n"


def _options(places: list[Place]) -> Iterator[str]:
    for place in places:
        told = " ".join(_told(option.names[-1], option.help) for option in place.options)
        yield f"            ({shlex.quote(_name(place))}) found=({told}) ;;\n"


def _arguments(places: list[Place]) -> Iterator[str]:
    for place in places:
        if place.commands:
            told = " ".join(_told(name, purpose) for name, purpose in place.commands)
            yield f"        ({shlex.quote(f'{_name(place)}:0')}) found=({told}); _describe command found ;;\n"
        for number, argument in enumerate(place.arguments):
            last = place.endless and number == len(place.arguments) - 1
            call = _call(argument)
            if call:
                pattern = f"{shlex.quote(_name(place) + ':')}*" if last else shlex.quote(f"{_name(place)}:{number}")
                yield f"        ({pattern}) {call} ;;\n"


def _told(name: str, text: str) -> str:
    return shlex.quote(f"{name}:{text}")


def _call(values: Values | None) -> str:
    if values is None or values.kind is Kind.UNKNOWN:
        return ""
    if values.kind is Kind.WORDS:
        return f"compadd -- {' '.join(map(shlex.quote, values.words))}"
    return "_files -/" if values.kind is Kind.DIRECTORIES else "_files"
