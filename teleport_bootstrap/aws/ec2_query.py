"""EC2's own form of a request, answered in XML. Source: Smithy specification, "AWS EC2 query protocol"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib import parse

from teleport_bootstrap.hints import Any

_VERSION = "2016-11-15"


def encoded(operation: str, parameters: Mapping[str, Any]) -> bytes:
    """Return the body of a request: lists are numbered, and lose the plural of their names."""
    pairs = {"Action": operation, "Version": _VERSION, **dict(_flat("", parameters))}
    return parse.urlencode(pairs).encode()


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), each)
    elif isinstance(value, list):
        for number, each in enumerate(value, start=1):
            yield from _flat(f"{prefix.removesuffix('s')}.{number}", each)
    else:
        yield prefix, str(value)
