"""Nodes of a YAML document: their values, and for a scalar, where each of its lines stands in the file."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from teleport_bootstrap.hints import Any
from teleport_bootstrap.user_data.text import Line, Text


def mapping(node: Any) -> dict[str, Any]:
    """Return the entries of a mapping by their keys, with those that `<<` merges; none for another node."""
    found: dict[str, Any] = {}
    _fill(found, node, set())
    return found


def _fill(found: dict[str, Any], node: Any, seen: set[int]) -> None:
    """Add what a mapping has; of a key that it has itself and merges, its own stays."""
    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return
    seen.add(id(node))
    merged: list[Any] = []
    own: dict[str, Any] = {}
    for key, entry in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            merged += entry.value if isinstance(entry, yaml.SequenceNode) else [entry]
        else:
            own[value(key)] = entry
    for name, entry in own.items():
        found.setdefault(name, entry)
    for each in merged:
        _fill(found, each, seen)


def sequence(node: Any) -> Sequence[Any]:
    """Return the entries of a sequence; none where the node is something else."""
    return node.value if isinstance(node, yaml.SequenceNode) else ()


def value(node: Any) -> str:
    """Return the text of a scalar, "" for another node."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def is_true(node: Any) -> bool:
    """Whether cloud-init takes a scalar for yes."""
    return value(node).strip().lower() in ("true", "1", "on", "yes")


def lines(file: Text, node: Any) -> tuple[Line, ...]:
    """Return the lines of a scalar. Of a block with `|`, each is at its place; of another form, the first is named."""
    content = value(node)
    start = node.start_mark.line
    found = content.removesuffix("\n").split("\n")
    if getattr(node, "style", "") == "|":
        # Line feeds that end the block, as `|+` keeps them, are lines too.
        rows = file.lines[start + 1 : start + 1 + len(found)]
        if len(rows) == len(found) and all(row.text.endswith(text) for row, text in zip(rows, found)):
            return tuple(
                Line(text, row.number, row.column + len(row.text) - len(text)) for row, text in zip(rows, found)
            )
    number = file.lines[min(start, len(file.lines) - 1)].number
    is_plain = len(found) == 1 and getattr(node, "style", None) is None
    return tuple(Line(text, number, node.start_mark.column if is_plain else 0, exact=is_plain) for text in found)


def whole_lines(file: Text, node: Any) -> tuple[Line, ...]:
    """Return the lines of a scalar, with an empty one at the end where it ends with a line feed."""
    found = lines(file, node)
    return (*found, found[-1]._replace(text="", exact=False)) if value(node).endswith("\n") else found
