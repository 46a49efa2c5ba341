"""Answers in XML, read by what teleport_bootstrap.aws.shapes and description_shapes declare: EC2, Query and Route 53.

Sources: Smithy specification, "AWS EC2 query", "AWS query" and "AWS restXml" protocols. Names are those of the XML
elements, without namespaces. A list is an element with one element for each of its values, whatever they are called.
"""

from __future__ import annotations

import datetime
import re
from xml.etree import ElementTree

from teleport_bootstrap import regex
from teleport_bootstrap.aws import answers, failures, shapes
from teleport_bootstrap.hints import Any

_INTEGER = regex.compile(r"-?[0-9]{1,18}", re.ASCII)
_SWITCH = {"true": True, "false": False}


def read(content: bytes, operation: str, shape: dict[str, Any]) -> dict[str, Any]:
    """Return what `shape` declares of the answer to `operation`. Raises NotAnAnswer for another document.

    What the answer does not have is missing; an empty element is an empty text, list or structure.
    """
    root = _parsed(content)
    if root is None or _name(root) != f"{operation}Response":
        raise failures.NotAnAnswer
    result = next((each for each in root if _name(each) == f"{operation}Result"), root)
    return _structure(result, shape)


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


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _value(element: ElementTree.Element, shape: Any) -> Any:
    if isinstance(shape, dict):
        return _structure(element, shape)
    if isinstance(shape, list):
        if len({_name(each) for each in element}) > 1:
            raise failures.NotAnAnswer
        return [_value(each, shape[0]) for each in element]
    if isinstance(shape, shapes.Map):
        entries = [_structure(each, {"key": str, "value": shape.member}) for each in element]
        return {each["key"]: each["value"] for each in entries}
    if len(element):
        raise failures.NotAnAnswer
    return _plain(element.text or "", shape)


def _structure(element: ElementTree.Element, shape: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in element:
        name = _name(each)
        if name in found:
            raise failures.NotAnAnswer
        if name in shape:
            found[name] = _value(each, shape[name])
    return found


def _plain(text: str, shape: Any) -> Any:
    if shape is str:
        return text
    if shape is int and _INTEGER.fullmatch(text):
        return int(text)
    if shape is bool and text in _SWITCH:
        return _SWITCH[text]
    if shape is shapes.Moment:
        return _seconds(text)
    raise failures.NotAnAnswer


def _seconds(text: str) -> float:
    try:
        # Python 3.9 does not know that Z stands for UTC.
        moment = datetime.datetime.fromisoformat(re.sub("Z$", "+00:00", text))
        if moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass
    raise failures.NotAnAnswer
