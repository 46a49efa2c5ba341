"""EC2's own form: a query, answered in XML. Source: Smithy specification, "EC2 query protocol"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib import parse
from xml.etree import ElementTree

from teleport_bootstrap.aws import answers, failures
from teleport_bootstrap.hints import Any

_VERSION = "2016-11-15"


def encoded(operation: str, parameters: Mapping[str, Any]) -> bytes:
    """Return the body of a request: lists are numbered, and lose the plural of their names."""
    pairs = {"Action": operation, "Version": _VERSION, **dict(_flat("", parameters))}
    return parse.urlencode(pairs).encode()


def read(content: bytes) -> dict[str, Any]:
    """Return the answer to DescribeTags. Raises NotAnAnswer for another document."""
    root = _parsed(content)
    if root is None or not root.tag.endswith("DescribeTagsResponse"):
        raise failures.NotAnAnswer
    tags = []
    for each in root.iterfind("./{*}tagSet/{*}item"):
        tag = {"Key": each.findtext("{*}key"), "Value": each.findtext("{*}value")}
        if None in tag.values():
            raise failures.NotAnAnswer
        tags.append(tag)
    return {"Tags": tags}


def error(content: bytes) -> tuple[str, str]:
    """Return code and message of an error, "" where there is none."""
    root = _parsed(content)
    if root is None:
        return "", content.decode("utf-8", errors="replace")
    return root.findtext(".//{*}Error/{*}Code") or "", root.findtext(".//{*}Error/{*}Message") or ""


def _parsed(content: bytes) -> ElementTree.Element | None:
    if not answers.is_harmless(content):
        return None
    try:
        return ElementTree.fromstring(content)  # noqa: S314 - without entities, and of bounded size
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError):
        return None


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), each)
    elif isinstance(value, list):
        for number, each in enumerate(value, start=1):
            yield from _flat(f"{prefix.removesuffix('s')}.{number}", each)
    else:
        yield prefix, str(value)
