"""User-data in a CloudFormation template, YAML or JSON: `UserData` with Fn::Base64, Fn::Sub and Fn::Join.

Source: AWS CloudFormation template reference, "Intrinsic function reference".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import yaml

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.user_data import yaml_scalars
from teleport_bootstrap.user_data.holes import Hole, Holes
from teleport_bootstrap.user_data.text import Line, Text, Unknowable

_SUB = regex.compile(r"\$\{(!?)([^}]*)\}")
_UNCHANGED = regex.compile(r"[A-Za-z0-9_.,:/@%+=-]*")
_MOST_DEPTH = 60


def compose(file: Text) -> Any:
    """Return the root node of a file that is YAML or JSON with resources of CloudFormation, None for another file."""
    if "Resources" not in file.joined:
        return None
    try:
        root = yaml.compose(file.joined, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    return root if "Resources" in yaml_scalars.mapping(root) else None


def user_data(file: Text, root: Any, target: str, holes: Holes, resource: str | None = None) -> Text:
    """Return the one user-data in the template that names `target`: that of `resource`, its logical id, if given.

    Raises Unknowable.
    """
    defaults = _defaults(root)
    found: dict[str, Text] = {}
    seen: set[int] = set()
    resources = yaml_scalars.mapping(yaml_scalars.mapping(root).get("Resources"))
    for name, about in resources.items():
        for node in _user_data_nodes(about, 0, seen):
            text = Text(file.path, tuple(_lines(file, node, defaults, holes)))
            if target in text.joined:
                found[name] = text
    if resource is not None and resource in found:
        return found[resource]
    if not found:
        raise Unknowable(f"no UserData in this template writes {target}", Place(file.path))
    if resource is None and len(found) == 1:
        return next(iter(found.values()))
    names = ", ".join(f"{file.path}#{name}" for name in found)
    what = f"{len(found)} resources of this template write {target}"
    if resource is not None:
        what = f"the resource {resource} of this template does not write {target}"
    raise Unknowable(what, Place(file.path), f"name one of {names}")


def _defaults(root: Any) -> dict[str, str | None]:
    parameters = yaml_scalars.mapping(yaml_scalars.mapping(root).get("Parameters"))
    found: dict[str, str | None] = {}
    for name, node in parameters.items():
        entries = yaml_scalars.mapping(node)
        # The value of a parameter of this type is in SSM.
        is_value = not yaml_scalars.value(entries.get("Type")).startswith("AWS::SSM::")
        is_shown = yaml_scalars.value(entries.get("NoEcho")).lower() not in ("true", "yes", "on")
        default = yaml_scalars.value(entries.get("Default"))
        # It is filled in before the shell reads it, which would change any other character.
        is_same = _UNCHANGED.fullmatch(default) is not None
        found[name] = default if "Default" in entries and is_value and is_shown and is_same else None
    return found


def _user_data_nodes(node: Any, depth: int, seen: set[int]) -> Iterator[Any]:
    """Yield what is named UserData; a node that aliases name again and again is visited once."""
    if depth > _MOST_DEPTH or id(node) in seen:
        return
    seen.add(id(node))
    for key, entry in yaml_scalars.mapping(node).items():
        if key == "UserData":
            yield entry
        else:
            yield from _user_data_nodes(entry, depth + 1, seen)
    for each in yaml_scalars.sequence(node):
        yield from _user_data_nodes(each, depth + 1, seen)


def _lines(file: Text, node: Any, defaults: Mapping[str, str | None], holes: Holes) -> Iterator[Line]:
    """Yield the lines of pieces that stand one after the other; a line is where its first piece is."""
    line: Line | None = None
    for piece in _pieces(file, node, defaults, holes, 0):
        for number, each in enumerate(piece):
            if number or line is None:
                if line is not None:
                    yield line
                line = each
            else:
                line = line._replace(text=line.text + each.text, exact=False)
    if line is not None:
        yield line


def _pieces(
    file: Text, node: Any, defaults: Mapping[str, str | None], holes: Holes, depth: int
) -> Iterator[tuple[Line, ...]]:
    """Yield the lines of each piece of text."""
    function, argument = _function(node)
    if depth > _MOST_DEPTH:
        return
    if function == "Base64" and argument is node and isinstance(node, yaml.ScalarNode):
        yield _scalar(file, node)
    elif function == "Base64":
        yield from _pieces(file, argument, defaults, holes, depth + 1)
    elif function == "Join" and len(yaml_scalars.sequence(argument)) == 2:
        separator, parts = argument.value
        between = yaml_scalars.value(separator).split("\n")
        for number, part in enumerate(yaml_scalars.sequence(parts)):
            if number and between != [""]:
                yield tuple(Line(each, _number(file, part), 0, exact=False) for each in between)
            yield from _pieces(file, part, defaults, holes, depth + 1)
    elif function == "Sub":
        values: dict[str, Any] = {}
        if isinstance(argument, yaml.SequenceNode) and argument.value:
            values = yaml_scalars.mapping(argument.value[-1]) if len(argument.value) > 1 else {}
            argument = argument.value[0]
        yield tuple(_filled(each, defaults, values, holes) for each in _scalar(file, argument))
    elif function:
        name = yaml_scalars.value(argument)
        default = defaults.get(name) if function == "Ref" else None
        yield (Line(holes.mark(Hole(f"{function} {name}".strip(), default)), _number(file, node), 0, exact=False),)
    else:
        yield _scalar(file, node)


def _function(node: Any) -> tuple[str, Any]:
    """Return the name of an intrinsic function and its argument; "" for what is none."""
    tag = str(getattr(node, "tag", ""))
    if tag.startswith("!") and len(tag) > 1:
        return tag[1:], node
    entries = yaml_scalars.mapping(node)
    if len(entries) == 1:
        ((name, argument),) = entries.items()
        if name == "Ref" or name.startswith("Fn::"):
            return name.removeprefix("Fn::"), argument
    return "", node


def _scalar(file: Text, node: Any) -> tuple[Line, ...]:
    """Return the lines of a text, with an empty one at the end where it ends with a line feed."""
    found = yaml_scalars.lines(file, node)
    ends = yaml_scalars.value(node).endswith("\n")
    return (*found, found[-1]._replace(text="", exact=False)) if ends else found


def _filled(line: Line, defaults: Mapping[str, str | None], values: Mapping[str, Any], holes: Holes) -> Line:
    changed = False

    def replace(found: re.Match[str]) -> str:
        nonlocal changed
        changed = True
        if found[1]:
            return f"${{{found[2]}}}"
        name = found[2].strip()
        if name in values and _function(values[name])[0] == "":
            return yaml_scalars.value(values[name])
        return holes.mark(Hole(found[0], None if name in values else defaults.get(name)))

    return line._replace(text=_SUB.sub(replace, line.text), exact=line.exact and not changed)


def _number(file: Text, node: Any) -> int:
    row: int = min(node.start_mark.line, len(file.lines) - 1)
    return file.lines[row].number
