"""Requests in the query form, answered in XML: that of STS, IAM, the balancers and other services, and EC2's own.

Source: Smithy specification, "AWS query protocol" and "AWS EC2 query protocol".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib import parse

from teleport_bootstrap.hints import Any

_EC2_VERSION = "2016-11-15"


def encoded(operation: str, parameters: Mapping[str, Any], *, version: str) -> bytes:
    """Return the body of a request to the API of `version`: the values of a list are `Name.member.1` and so on."""
    return _encoded(operation, parameters, version, lambda name: f"{name}.member")


def encoded_for_ec2(operation: str, parameters: Mapping[str, Any]) -> bytes:
    """Return the body of a request to EC2: lists are numbered, and lose the plural of their names."""
    return _encoded(operation, parameters, _EC2_VERSION, lambda name: name.removesuffix("s"))


def _encoded(operation: str, parameters: Mapping[str, Any], version: str, of_list: Callable[[str], str]) -> bytes:
    pairs = {"Action": operation, "Version": version, **dict(_flat("", parameters, of_list))}
    return parse.urlencode(pairs).encode()


def _flat(prefix: str, value: Any, of_list: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), each, of_list)
    elif isinstance(value, list):
        for number, each in enumerate(value, start=1):
            yield from _flat(f"{of_list(prefix)}.{number}", each, of_list)
    else:
        yield prefix, str(value)
