"""Reading YAML strictly: the values JSON has, no key twice, and a line for every complaint."""

from __future__ import annotations

from typing import Any

import yaml


class Unreadable(Exception):
    """YAML that is malformed or says one thing twice; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class _Loader(yaml.SafeLoader):
    """SafeLoader, less what Teleport's own reader would take differently: dates stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise _unreadable(f"the key {key!r} is not a string; put it in quotes", key_node.start_mark)
        if key in found:
            raise _unreadable(f"the key {key!r} stands twice in one mapping", key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _unreadable(message: str, mark: Any) -> Unreadable:
    return Unreadable(message, mark.line + 1, mark.column + 1)


def parse(text: str) -> Any:
    """Return the one document in `text`. Raises Unreadable, with the place, where it is not strict YAML."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.problem, error.context) if part)
        if mark is None:
            raise Unreadable(message, 1, 1) from None
        if "\\t" in message:
            message = "a tab where YAML allows only spaces"
        raise _unreadable(message, mark) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise Unreadable(f"the character #x{error.character:04x} is not allowed in YAML", line, column) from None
    except RecursionError:
        raise Unreadable("nested too deeply", 1, 1) from None
