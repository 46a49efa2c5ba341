"""The kinds of values in the answers, each as a JSON schema with the meaning of the field."""

from __future__ import annotations

from collections.abc import Iterable

from teleport_bootstrap.hints import Any

Schema = dict[str, Any]


def text(meaning: str, *, or_null: bool = False) -> Schema:
    """Return the schema of a text; a path, a name or a message."""
    return _typed("string", meaning, or_null)


def choice(words: Iterable[str], meaning: str, *, or_null: bool = False) -> Schema:
    """Return the schema of one of `words`."""
    return {"enum": [*words, *([None] if or_null else [])], "description": meaning}


def number(meaning: str, *, or_null: bool = False) -> Schema:
    """Return the schema of a whole number that is not negative."""
    return {**_typed("integer", meaning, or_null), "minimum": 0}


def seconds(meaning: str, *, or_null: bool = False) -> Schema:
    """Return the schema of a duration."""
    return {**_typed("number", meaning, or_null), "minimum": 0}


def flag(meaning: str, *, or_null: bool = False) -> Schema:
    """Return the schema of true and false."""
    return _typed("boolean", meaning, or_null)


def moment(meaning: str, *, or_null: bool = False) -> Schema:
    """Return the schema of a time: ISO 8601 in UTC."""
    pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$"
    return {**_typed("string", meaning, or_null), "format": "date-time", "pattern": pattern}


def anything(meaning: str) -> Schema:
    """Return the schema of a value that another page describes."""
    return {"description": meaning}


def document(meaning: str) -> Schema:
    """Return the schema of an object that another page describes."""
    return {"type": "object", "description": meaning}


def record(fields: dict[str, Schema], meaning: str, *, or_null: bool = False) -> Schema:
    """Return the schema of an object with exactly `fields`."""
    closed = {"properties": fields, "required": [*fields], "additionalProperties": False}
    return {**_typed("object", meaning, or_null), **closed}


def every(item: Schema, meaning: str) -> Schema:
    """Return the schema of a list of `item`, which has no meaning of its own where it is plain."""
    return {"type": "array", "items": item, "description": meaning}


def texts(meaning: str) -> Schema:
    """Return the schema of a list of texts."""
    return every({"type": "string"}, meaning)


def shared(name: str, meaning: str = "", *, or_null: bool = False) -> Schema:
    """Return a reference to what several answers have in common."""
    found: Schema = {"$ref": f"#/$defs/{name}"}
    if or_null:
        found = {"anyOf": [found, {"type": "null"}]}
    return {**found, **({"description": meaning} if meaning else {})}


def _typed(name: str, meaning: str, or_null: bool) -> Schema:
    return {"type": [name, "null"] if or_null else name, "description": meaning}
