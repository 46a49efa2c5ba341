"""Names for annotations, as in the standard library's `typing`, which takes longer to load than a short command has.

No annotation is evaluated in this package, but for those of a note on disk (`state.state_file`). So these names only
have to exist: type checkers take them for what they are named after.
"""

from __future__ import annotations

import collections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        IO,
        Any,
        AnyStr,
        BinaryIO,
        ClassVar,
        Final,
        Generic,
        NamedTuple,
        NoReturn,
        Optional,
        Protocol,
        TextIO,
        TypeVar,
        Union,
    )

__all__ = [
    "IO",
    "TYPE_CHECKING",
    "Any",
    "AnyStr",
    "BinaryIO",
    "ClassVar",
    "Final",
    "Generic",
    "NamedTuple",
    "NoReturn",
    "Optional",
    "Protocol",
    "TextIO",
    "TypeVar",
    "Union",
]


class _Hint:
    """Stands for a hint, or for a base class that takes parameters."""

    def __class_getitem__(cls, parameters: Any) -> Any:
        return cls


class _Option:
    """`Optional[X]`, which `decode` of `state.state_file` knows."""

    def __init__(self, value: Any) -> None:
        self.__origin__, self.__args__ = _Optional, (value, type(None))


class _Optional:
    def __class_getitem__(cls, value: Any) -> _Option:
        return _Option(value)


class _TupleClass(type):
    """Makes a named tuple of a class with annotations, as `typing.NamedTuple` does."""

    def __new__(cls, name: str, bases: tuple[type, ...], declared: dict[str, Any]) -> Any:
        if not bases:
            return super().__new__(cls, name, bases, declared)
        fields = declared.get("__annotations__", {})
        defaults = [declared.pop(field) for field in fields if field in declared]
        make: Any = collections.namedtuple
        made = make(name, fields, defaults=defaults, module=declared["__module__"])
        for each, value in declared.items():
            if each not in ("__module__", "__qualname__", "__dict__", "__weakref__"):
                setattr(made, each, value)
        made.__qualname__ = declared["__qualname__"]
        return made


if not TYPE_CHECKING:
    Any = AnyStr = BinaryIO = ClassVar = Final = Generic = IO = NoReturn = Protocol = TextIO = Union = _Hint
    NamedTuple = _TupleClass("NamedTuple", (), {})
    Optional = _Optional

    def TypeVar(name: str, *constraints: Any, **more: Any) -> type[_Hint]:  # noqa: ARG001, N802
        """Declare a type variable."""
        return _Hint
