"""How one value is written into YAML so that it cannot be read as anything else.

Plain where a person would write it plain and every YAML reader agrees that it is a string; in double quotes, with
JSON's escapes, otherwise.
"""

from __future__ import annotations

import json
import re
from typing import Any

from teleport_bootstrap.plan import yaml_reading

# Starts with a letter or a slash, and holds nothing that means something to YAML 1.1 or 1.2; colons and spaces only
# inside.
_PLAIN = re.compile(r"[A-Za-z/](?:[A-Za-z0-9._/-]| (?=[A-Za-z0-9])|:(?=[A-Za-z0-9._/-]))*", re.ASCII)
# What some YAML reader takes for a boolean or for nothing, in any case.
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
# Outside YAML's printable set, or a line break to YAML 1.1 and not to JSON.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def emit(value: Any) -> str:
    """Return `value` as one YAML node on one line: a scalar, null, a list of these, or an empty mapping.

    Raises TypeError for anything else.
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, yaml_reading.Plain)):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_item, value)) + "]"
    if value == {}:
        return "{}"
    raise TypeError(f"{type(value).__name__} cannot be written as a YAML scalar")


def _item(value: Any) -> str:
    """Return an item of a list; some readers do not accept a colon without quotes there."""
    return _quoted(value) if type(value) is str and ":" in value else emit(value)


def _text(value: str) -> str:
    return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)


def _quoted(value: str) -> str:
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
