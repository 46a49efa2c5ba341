"""What an operation did or found, as data: the one way to its JSON output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Outcome:
    """The base of what operations return. Each field is a key of the command's JSON output, in this order.

    `json_keys` has the keys of fields that are not called like them: a published key stays when its field is renamed.
    """

    json_keys: ClassVar[Mapping[str, str]] = {}

    def data(self) -> dict[str, Any]:
        """Return the outcome for JSON, with everything in its fields converted as well."""
        return {self.json_keys.get(each.name, each.name): as_data(getattr(self, each.name)) for each in fields(self)}


def as_data(value: Any) -> Any:
    """Return `value` for JSON: a dataclass as a mapping, a sequence as a list, each with its content converted."""
    if hasattr(value, "data"):
        return value.data()
    if is_dataclass(value):
        return {each.name: as_data(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, (list, tuple)):
        return [as_data(each) for each in value]
    if isinstance(value, dict):
        return {name: as_data(each) for name, each in value.items()}
    return value
