"""How the values of this program, above all the outcomes of its operations, become JSON."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any


def data(value: Any) -> Any:
    """Return `value` for JSON: a dataclass as a mapping of its fields, a tuple as a list, with everything in them.

    A class with a method `data` decides itself. A class with `json_keys` names the fields whose keys differ from their
    names: a published key stays when its field is renamed.
    """
    if hasattr(value, "data"):
        return value.data()
    if is_dataclass(value):
        keys = getattr(value, "json_keys", {})
        return {keys.get(each.name, each.name): data(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, (list, tuple)):
        return [data(each) for each in value]
    if isinstance(value, dict):
        return {name: data(each) for name, each in value.items()}
    return value
