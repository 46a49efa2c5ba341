"""Where each value of a document came from, for a person and for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teleport_bootstrap.plan import overrides, provenance, yaml_text

# A path or value that is longer moves its own line, not all of them.
_WIDEST_PATH = 44
_WIDEST_VALUE = 40


def entries(tree: provenance.Tree, removed: Sequence[overrides.Removed] = ()) -> list[dict[str, Any]]:
    """Return path, value and origins of each leaf in document order, then of each key that an override deleted."""
    found: list[dict[str, Any]] = [
        {"path": provenance.dotted(path), "value": value, "origins": [*map(str, origins)]}
        for path, value, origins in provenance.leaves(tree)
    ]
    found += [
        {"path": provenance.dotted(each.path), "value": None, "removed": True, "origins": [str(each.origin)]}
        for each in removed
    ]
    return found


def text(found: Sequence[dict[str, Any]]) -> str:
    """Return `entries` as lines of `path = value  # origin`, aligned."""
    rows = []
    for each in found:
        value = "(removed)" if each.get("removed") else yaml_text.emit(each["value"])
        rows.append((each["path"], value, "; ".join(each["origins"])))
    first = max((len(path) for path, _, _ in rows if len(path) <= _WIDEST_PATH), default=0)
    second = max((len(value) for _, value, _ in rows if len(value) <= _WIDEST_VALUE), default=0)
    return "\n".join(f"{path:<{first}} = {value:<{second}}  # {origin}" for path, value, origin in rows)
