"""The query form of STS, IAM and Elastic Load Balancing, answered in XML.

Source: Smithy specification, "AWS query protocol".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib import parse

from teleport_bootstrap.hints import Any


def encoded(operation: str, parameters: Mapping[str, Any], *, version: str) -> bytes:
    """Return the body of a request to the API of `version`: the values of a list are `Name.member.1` and so on."""
    pairs = {"Action": operation, "Version": version, **dict(_flat("", parameters))}
    return parse.urlencode(pairs).encode()


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), each)
    elif isinstance(value, list):
        for number, each in enumerate(value, start=1):
            yield from _flat(f"{prefix}.member.{number}", each)
    else:
        yield prefix, str(value)
