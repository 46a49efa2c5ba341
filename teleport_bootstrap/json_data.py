"""JSON: how the values of this program become it, above all outcomes of operations, and how that of others is read."""

from __future__ import annotations

import json

from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import fields, is_record


def parsed(content: str | bytes) -> Any:
    """Return the document in `content`, which anyone may have written. Raises ValueError where there is none.

    So does a document that is nested too deeply, at which Python's own reader raises another error.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def data(value: Any) -> Any:
    """Return `value` for JSON: a dataclass as a mapping of its fields, a tuple as a list, with everything in them.

    A class with a method `data` decides itself. A class with `json_keys` names the fields whose keys differ from their
    names: a published key stays when its field is renamed.
    """
    if hasattr(value, "data"):
        return value.data()
    if is_record(value):
        keys = getattr(value, "json_keys", {})
        return {keys.get(each.name, each.name): data(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, (list, tuple)):
        return [data(each) for each in value]
    if isinstance(value, dict):
        return {name: data(each) for name, each in value.items()}
    return value
