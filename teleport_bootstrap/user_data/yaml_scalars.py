"""Nodes of a YAML document: their values, and for a scalar, where each of its lines stands in the file."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from teleport_bootstrap.hints import Any
from teleport_bootstrap.user_data.text import Line, Text


def mapping(node: Any) -> dict[str, Any]:
    """Return the entries of a mapping by their keys; none where the node is something else."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {value(key): entry for key, entry in node.value}


def sequence(node: Any) -> Sequence[Any]:
    """Return the entries of a sequence; none where the node is something else."""
    return node.value if isinstance(node, yaml.SequenceNode) else ()


def value(node: Any) -> str:
    """Return the text of a scalar, "" for another node."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


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
