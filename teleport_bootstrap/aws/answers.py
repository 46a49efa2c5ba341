"""Whether an answer that botocore has read is what the service documents.

botocore takes whatever is in the place of a value, and fails in many ways where it cannot. Something else than AWS has
answered then, such as a proxy, which is tried again.
"""

from __future__ import annotations

import contextlib
import datetime
import math
from collections.abc import Iterator
from typing import Any

from teleport_bootstrap.aws import failures

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
