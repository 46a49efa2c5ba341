"""Completion for fish, with a word on each command and option."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.manual.completion import choices
from teleport_bootstrap.manual.completion.choices import Kind, Place, Values

_START = """\
# fish completion for teleport-bootstrap
# Made by `python3 -m teleport_bootstrap.manual fish`; change it there.

# Prints the commands before the cursor, and how many arguments stand behind them.
function __teleport_bootstrap_place
    set -l place ''
    set -l count 0
    set -l waiting ''
    for word in (commandline -opc)[2..-1]
        if test -n "$waiting"
            set waiting ''
            continue
        end
        switch "$place:$word"
"""

_END = """\
            case '*:-*'
            case '*'
                set count (math $count + 1)
        end
    end
    echo "$place:$count"
end

function __teleport_bootstrap_at
    string match -q -- "$argv[1]:$argv[2]" (__teleport_bootstrap_place)
end

complete -c teleport-bootstrap -f
"""


def script() -> str:
    """Return the script."""
    found = list(choices.places())
    return "".join([_START, *_walk(found), _END, *_options(found), *_arguments(found)])


def _name(place: Place) -> str:
    return "/".join(place.path)


def _walk(places: list[Place]) -> Iterator[str]:
    for place in places:
        for name, _ in place.commands:
            below = "/".join((*place.path, name))
            yield f"            case {_quoted(f'{_name(place)}:{name}')}\n"
            yield f"                set place {_quoted(below)}\n                set count 0\n"
    for place in places:
        taking = [name for option in place.options if choices.values(option) for name in option.names]
        patterns = " ".join(_quoted(f"{_name(place)}:{name}") for name in taking)
        if patterns:
            yield f"            case {patterns}\n                set waiting $word\n"


def _options(places: list[Place]) -> Iterator[str]:
    for place in places:
        for option in place.options:
            names = " ".join(_option_name(name) for name in option.names)
            values = choices.values(option)
            words = ["complete -c teleport-bootstrap", _at(place, "*"), names, _accepting(values)]
            yield " ".join([*filter(None, words), f"-d {_quoted(option.help)}"]) + "\n"


def _arguments(places: list[Place]) -> Iterator[str]:
    for place in places:
        for name, purpose in place.commands:
            yield f"complete -c teleport-bootstrap {_at(place, '0')} -a {_quoted(name)} -d {_quoted(purpose)}\n"
        for number, argument in enumerate(place.arguments):
            last = place.endless and number == len(place.arguments) - 1
            accepting = _accepting(argument).replace("-x ", "").replace("-r ", "")
            if argument.kind is not Kind.UNKNOWN:
                yield f"complete -c teleport-bootstrap {_at(place, '*' if last else str(number))} {accepting}\n"


def _at(place: Place, count: str) -> str:
    return f"-n \"__teleport_bootstrap_at '{_name(place)}' '{count}'\""


def _option_name(name: str) -> str:
    return f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"


def _accepting(values: Values | None) -> str:
    if values is None:
        return ""
    if values.kind is Kind.WORDS:
        return f"-x -a {_quoted(' '.join(values.words))}"
    if values.kind is Kind.FILES:
        return "-r -F"
    if values.kind is Kind.DIRECTORIES:
        return "-x -a '(__fish_complete_directories)'"
    return "-x"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
