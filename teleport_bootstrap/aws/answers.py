"""Whether an answer is what the service documents. Where it is not, something else than AWS has answered.

Such as a proxy; the request is tried again. botocore takes whatever is in the place of a value, and fails in many ways
where it cannot.
"""

from __future__ import annotations

import contextlib
import datetime
import math
import re
from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.aws import failures, shapes
from teleport_bootstrap.hints import Any

# The largest answers, in bytes, that anyone asks for: ten parameters of 8 KiB each, every character of them escaped.
LARGEST = 1024 * 1024
# A page of S3's lists: a thousand keys of 1024 bytes each, percent-encoded.
LARGEST_OF_S3 = 4 * 1024 * 1024
LARGEST_ERROR = 64 * 1024
# A thousand objects have half of that. A tree of them takes much more memory than its text.
_MOST_TAGS = 60_000

_ENCODING = regex.compile(rb"""<\?xml[^>]*\sencoding\s*=\s*["']([^"']*)""")
_DECLARATION = regex.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)

# The last moment that a date can have.
_LAST_SECOND = 253_402_300_799

# What reading a document of an unexpected form raises, in botocore and here.
_UNREADABLE = (AttributeError, TypeError, ValueError, LookupError, ArithmeticError)

_TYPES: dict[str, Any] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "timestamp": datetime.datetime,
}


@contextlib.contextmanager
def read() -> Iterator[None]:
    """Raise NotAnAnswer where the body cannot read an answer."""
    try:
        yield
    except RecursionError:
        raise failures.NotAnAnswer from None
    except failures.RAISED:
        raise  # some of them are of those kinds too
    except _UNREADABLE:
        raise failures.NotAnAnswer from None


def conform(value: Any, shape: Any) -> None:
    """Raise NotAnAnswer where `value`, of a JSON document, is not of `shape`, of teleport_bootstrap.aws.shapes."""
    if isinstance(shape, dict):
        _require(isinstance(value, dict))
        for name, member in shape.items():
            if value.get(name) is not None:
                conform(value[name], member)
    elif isinstance(shape, list):
        _require(isinstance(value, list))
        for each in value:
            conform(each, shape[0])
    elif isinstance(shape, shapes.Map):
        _require(isinstance(value, dict))
        for each in value.values():
            conform(each, shape.member)
    elif shape is shapes.Moment:
        _require(type(value) in (int, float) and 0 <= value <= _LAST_SECOND)
    else:
        _require(type(value) is shape)


def _require(fits: bool) -> None:
    if not fits:
        raise failures.NotAnAnswer


def is_harmless(body: bytes) -> bool:
    """Whether a parser may see `body`: no XML that declares entities, as no service does, or with too many elements.

    Parsers of older distributions expand entities without a bound. An encoding that is not UTF-8 could hide them.
    """
    if b"\0" in body or body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False  # UTF-16, or nothing that can be read
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"<"):
        return True
    encoding = _ENCODING.match(start)
    if encoding is not None and encoding[1].lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii"):
        return False
    return _DECLARATION.search(body) is None and body.count(b"<") <= _MOST_TAGS


def check(value: Any, shape: Any) -> None:
    """Raise NotAnAnswer where `value` is not of botocore's `shape`. What is missing, or unknown, is accepted."""
    if value is None or shape is None:
        return
    kind = shape.type_name
    expected = _TYPES.get(kind)
    if expected is not None and (not isinstance(value, expected) or (expected is int and isinstance(value, bool))):
        raise failures.NotAnAnswer
    if kind in ("float", "double") and (not isinstance(value, (int, float)) or not math.isfinite(value)):
        raise failures.NotAnAnswer
    if kind == "structure":
        for name, member in shape.members.items():
            check(value.get(name), member)
    elif kind == "list":
        for each in value:
            _check_inner(each, shape.member)
    elif kind == "map":
        for each in value.values():
            _check_inner(each, shape.value)


def _check_inner(value: Any, shape: Any) -> None:
    if value is None:
        raise failures.NotAnAnswer
    check(value, shape)
