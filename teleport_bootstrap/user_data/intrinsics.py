"""The text that CloudFormation's intrinsic functions make, with what is open in it marked.

Source: AWS CloudFormation template reference, "Intrinsic function reference".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import yaml

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.user_data import text, yaml_scalars
from teleport_bootstrap.user_data.holes import Hole, Holes
from teleport_bootstrap.user_data.text import Line, Text, Unknowable

_SUB = regex.compile(r"\$\{(!?)([^}]*)\}")
_UNCHANGED = regex.compile(r"[A-Za-z0-9_.,:/@%+=-]*")
_MOST_DEPTH = 60
_MOST_STEPS = 50_000
_NO_VALUE = "AWS::NoValue"

# The lines of one piece of text; the last goes on with the first of the next.
Piece = tuple[Line, ...]


class Template:
    """A template, and what its parameters, mappings and conditions are by default."""

    def __init__(self, file: Text, root: Any, holes: Holes) -> None:
        sections = yaml_scalars.mapping(root)
        self._file, self._holes = file, holes
        self._defaults = _defaults(sections.get("Parameters"))
        self._mappings = yaml_scalars.mapping(sections.get("Mappings"))
        self._conditions = yaml_scalars.mapping(sections.get("Conditions"))
        self._steps = 0

    def lines(self, node: Any) -> Iterator[Line]:
        """Yield the lines of what a node becomes; a line is where its first piece is. Raises Unknowable."""
        line: Line | None = None
        for piece in self._pieces(node, 0):
            for number, each in enumerate(piece):
                if number or line is None:
                    if line is not None:
                        yield line
                    line = each
                else:
                    line = line._replace(text=line.text + each.text, exact=False)
        if line is not None:
            yield line

    def _count(self, node: Any) -> None:
        """Raise Unknowable where aliases and conditions name one another more often than is followed."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            place = Place(self._file.path, self._number(node))
            raise Unknowable("the template has more functions in one another than are followed here", place)

    def _pieces(self, node: Any, depth: int) -> Iterator[Piece]:
        self._count(node)
        function, argument = _function(node)
        if depth > _MOST_DEPTH:
            return
        if function == "Base64" and argument is node and isinstance(node, yaml.ScalarNode):
            yield yaml_scalars.whole_lines(self._file, node)
        elif function == "Base64":
            yield from self._pieces(argument, depth + 1)
        elif function == "Join" and len(yaml_scalars.sequence(argument)) == 2:
            yield from self._joined(argument, depth)
        elif function == "Sub":
            values: dict[str, Any] = {}
            if isinstance(argument, yaml.SequenceNode) and argument.value:
                values = yaml_scalars.mapping(argument.value[-1]) if len(argument.value) > 1 else {}
                argument = argument.value[0]
            yield tuple(self._filled(each, values) for each in yaml_scalars.whole_lines(self._file, argument))
        elif function == "If" and len(yaml_scalars.sequence(argument)) == 3:
            yield from self._branch(argument, depth)
        elif function == "Ref" and yaml_scalars.value(argument) == _NO_VALUE:
            return
        elif function:
            written = f"{function} {yaml_scalars.value(argument)}".strip()
            yield (self._marked(written, node),)
        else:
            yield yaml_scalars.whole_lines(self._file, node)

    def _joined(self, argument: Any, depth: int) -> Iterator[Piece]:
        separator, given = argument.value
        between = yaml_scalars.value(separator).split("\n")
        items = [each for each in yaml_scalars.sequence(given) if not self._is_left_out(each)]
        for number, part in enumerate(items):
            if number and between != [""]:
                yield tuple(Line(each, self._number(part), 0, exact=False) for each in between)
            yield from self._pieces(part, depth + 1)

    def _is_left_out(self, node: Any) -> bool:
        """Whether an item of a list is nothing at all."""
        function, argument = _function(node)
        if function == "If" and len(yaml_scalars.sequence(argument)) == 3:
            outcome = self._condition(yaml_scalars.value(argument.value[0]), 0)
            return outcome is not None and self._is_left_out(argument.value[1 if outcome else 2])
        return function == "Ref" and yaml_scalars.value(argument) == _NO_VALUE

    def _branch(self, argument: Any, depth: int) -> Iterator[Piece]:
        """Yield what a condition chooses, as it is by default. Raises Unknowable where that decides about lines."""
        name = yaml_scalars.value(argument.value[0])
        outcome = self._condition(name, 0)
        place = Place(self._file.path, self._number(argument))
        if outcome is not None:
            chosen = argument.value[1 if outcome else 2]
            way = "true" if outcome else "false"
            what = f"`If {text.short(name)}` is read as with the defaults of the parameters, where it is {way}"
            self._holes.notes.append(text.warning(what, place))
            yield from self._pieces(chosen, depth + 1)
            return
        pieces = [list(self._pieces(each, depth + 1)) for each in argument.value[1:]]
        if any(len(piece) > 1 for branch in pieces for piece in branch):
            what = f"`If {text.short(name)}` decides in CloudFormation which lines are written"
            raise Unknowable(what, place, "give the parameters that decide it a Default")
        yield (Line(self._holes.mark(Hole(f"If {name}")), self._number(argument), 0, exact=False),)

    def _marked(self, written: str, node: Any) -> Line:
        default = self._value(node, 0)
        # It is filled in before the shell reads it, which would change any other character.
        if default is not None and _UNCHANGED.fullmatch(default) is None:
            default = None
        return Line(self._holes.mark(Hole(written, default)), self._number(node), 0, exact=False)

    def _filled(self, line: Line, values: Mapping[str, Any]) -> Line:
        changed = False

        def replace(found: re.Match[str]) -> str:
            nonlocal changed
            changed = True
            if found[1]:
                return f"${{{found[2]}}}"
            name = found[2].strip()
            if name in values and _function(values[name])[0] == "":
                return yaml_scalars.value(values[name])
            if name in values:
                return self._marked(found[0], values[name]).text
            default = self._defaults.get(name)
            is_same = default is not None and _UNCHANGED.fullmatch(default) is not None
            return self._holes.mark(Hole(found[0], default if is_same else None))

        return line._replace(text=_SUB.sub(replace, line.text), exact=line.exact and not changed)

    # ---- values by default

    def _value(self, node: Any, depth: int) -> str | None:
        """Return the text that a node is by default, None where that is not known."""
        self._count(node)
        function, argument = _function(node)
        items = list(yaml_scalars.sequence(argument))
        found: str | None = None
        if depth > _MOST_DEPTH:
            found = None
        elif not function:
            found = yaml_scalars.value(node) if isinstance(node, yaml.ScalarNode) else None
        elif function == "Ref":
            found = self._defaults.get(yaml_scalars.value(argument))
        elif function == "If" and len(items) == 3:
            outcome = self._condition(yaml_scalars.value(items[0]), depth + 1)
            found = None if outcome is None else self._value(items[1 if outcome else 2], depth + 1)
        elif function == "FindInMap" and len(items) == 3:
            found = self._mapped([self._value(each, depth + 1) for each in items])
        elif function == "Select" and len(items) == 2:
            chosen = self._values(items[1], depth + 1)
            number = yaml_scalars.value(items[0])
            found = chosen[int(number)] if number.isdecimal() and int(number) < len(chosen) else None
        elif function == "Join" and len(items) == 2:
            pieces = self._values(items[1], depth + 1)
            found = None if None in pieces else yaml_scalars.value(items[0]).join(each or "" for each in pieces)
        return found

    def _mapped(self, keys: Sequence[str | None]) -> str | None:
        found = self._mappings.get(keys[0] or "")
        for key in keys[1:]:
            found = yaml_scalars.mapping(found).get(key or "")
        return yaml_scalars.value(found) if isinstance(found, yaml.ScalarNode) else None

    def _values(self, node: Any, depth: int) -> list[str | None]:
        """Return the texts of a list, by default."""
        function, argument = _function(node)
        items = list(yaml_scalars.sequence(argument))
        if function == "Split" and len(items) == 2:
            whole = self._value(items[1], depth + 1)
            separator = yaml_scalars.value(items[0])
            return [] if whole is None or not separator else [*whole.split(separator)]
        return [self._value(each, depth + 1) for each in yaml_scalars.sequence(node)] if not function else []

    def _condition(self, name: str, depth: int) -> bool | None:
        node = self._conditions.get(name)
        return None if node is None or depth > _MOST_DEPTH else self._outcome(node, depth + 1)

    def _outcome(self, node: Any, depth: int) -> bool | None:
        """Return whether a condition holds by default, None where that is not known."""
        self._count(node)
        function, argument = _function(node)
        items = list(yaml_scalars.sequence(argument))
        if depth > _MOST_DEPTH:
            return None
        if function == "Condition":
            return self._condition(yaml_scalars.value(argument), depth + 1)
        if function == "Equals" and len(items) == 2:
            one, other = (self._value(each, depth + 1) for each in items)
            return None if one is None or other is None else one == other
        found = [self._outcome(each, depth + 1) for each in items]
        if function == "Not" and len(found) == 1:
            return None if found[0] is None else not found[0]
        if function in ("And", "Or"):
            decides = function == "Or"
            return decides if decides in found else None if None in found else not decides
        return None

    def _number(self, node: Any) -> int:
        row: int = min(node.start_mark.line, len(self._file.lines) - 1)
        return self._file.lines[row].number


def _defaults(section: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, node in yaml_scalars.mapping(section).items():
        entries = yaml_scalars.mapping(node)
        # The value of a parameter of this type is in SSM.
        is_value = not yaml_scalars.value(entries.get("Type")).startswith("AWS::SSM::")
        is_shown = yaml_scalars.value(entries.get("NoEcho")).lower() not in ("true", "yes", "on")
        if "Default" in entries and is_value and is_shown:
            found[name] = yaml_scalars.value(entries["Default"])
    return found


def _function(node: Any) -> tuple[str, Any]:
    """Return the name of an intrinsic function and its argument; "" for what is none."""
    tag = str(getattr(node, "tag", ""))
    if tag.startswith("!") and len(tag) > 1:
        # In the short form, another function in its long form may follow.
        is_mapping = isinstance(node, yaml.MappingNode)
        return tag[1:], yaml.MappingNode("", node.value, node.start_mark, node.end_mark) if is_mapping else node
    entries = yaml_scalars.mapping(node)
    if len(entries) == 1:
        ((name, argument),) = entries.items()
        if name in ("Ref", "Condition") or name.startswith("Fn::"):
            return name.removeprefix("Fn::"), argument
    return "", node
