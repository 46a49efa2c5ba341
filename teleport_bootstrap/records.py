"""Records: classes that are declared like the standard library's dataclasses, and cost next to nothing to declare.

The standard library generates and compiles the methods of each class while its module is being imported: half a
millisecond for each of more than two hundred classes, of which a command uses a few dozen. Here all classes share the
same functions. What is here means what it means there, and type checkers take it for that.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass, field, replace
    from typing import Any

__all__ = ["Field", "FrozenError", "dataclass", "field", "fields", "is_record", "replace"]

# Whether a class without annotations has those of its base; by a name, as type checkers know one version only.
_INHERITS_ANNOTATIONS = sys.version_info < (3, 10)

# Of what is not given, where None could be meant.
_MISSING = object()


class FrozenError(AttributeError):
    """A field of a frozen record was assigned to, or deleted."""


class Field:
    """One field of a record; `type` is its annotation as it is written."""

    __slots__ = ("compare", "default", "factory", "init", "name", "repr", "type")

    def __init__(self, default: Any, factory: Any, *, init: bool, repr: bool, compare: bool) -> None:
        self.name = self.type = ""
        self.default, self.factory = default, factory
        self.init, self.repr, self.compare = init, repr, compare


class _Shape:
    """What the functions below need to know of a class."""

    __slots__ = ("accepted", "compared", "every", "has_post_init", "is_simple", "number")

    def __init__(self, every: tuple[Field, ...], *, has_post_init: bool) -> None:
        self.every = every
        self.accepted = tuple(each.name for each in every if each.init)
        self.number = len(self.accepted)
        # Where all values are given, in order, nothing else has to be set.
        self.is_simple = self.number == len(every)
        self.compared = tuple(each.name for each in every if each.compare)
        self.has_post_init = has_post_init


def is_record(value: Any) -> bool:
    """Return whether `value` is a record, or a class of records."""
    return hasattr(value, "__record__")


def fields(value: Any) -> tuple[Field, ...]:
    """Return the fields of a record, or of a class of records, in the order of their declaration."""
    shape: _Shape = value.__record__
    return shape.every


def _field(
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    init: bool = True,
    repr: bool = True,
    compare: bool = True,
) -> Field:
    """Say more about a field than its default, which `default_factory` makes for each record."""
    return Field(default, default_factory, init=init, repr=repr, compare=compare)


def _dataclass(
    declared: Any = None, *, frozen: bool = False, eq: bool = True, order: bool = False
) -> type[Any] | Callable[[type[Any]], type[Any]]:
    """Make a record of the class below, which may be called with the values of its annotated names.

    A method that the class has itself stays.
    """
    if declared is None:
        return lambda each: _prepared(each, frozen=frozen, eq=eq, order=order)
    return _prepared(declared, frozen=frozen, eq=eq, order=order)


def _prepared(declared: type[Any], *, frozen: bool, eq: bool, order: bool) -> type[Any]:
    own = vars(declared)
    every = {}
    for base in reversed(declared.__mro__[1:]):
        shape = vars(base).get("__record__")
        every.update({} if shape is None else {each.name: each for each in shape.every})
    for name, kind in _annotations(declared).items():
        if isinstance(kind, str) and kind.startswith("ClassVar"):
            continue
        default = own.get(name, _MISSING)
        found = default if isinstance(default, Field) else _field(default=default)
        found.name, found.type = name, kind
        if found is default:
            if found.default is _MISSING:
                delattr(declared, name)
            else:
                setattr(declared, name, found.default)
        every[name] = found
    shape = _Shape(tuple(every.values()), has_post_init=hasattr(declared, "__post_init__"))
    methods: dict[str, Any] = {"__init__": _init, "__repr__": _repr}
    if eq:
        methods["__eq__"] = _eq
        # As always in Python: what is compared by its values and can change has no hash.
        methods["__hash__"] = _hash if frozen else None
    if order:
        methods.update(__lt__=_lt, __le__=_le, __gt__=_gt, __ge__=_ge)
    if frozen:
        methods.update(__setattr__=_setattr, __delattr__=_delattr)
    for name, method in methods.items():
        # A class with a method for == and none for the hash has None there, by Python itself.
        if name not in own or (name == "__hash__" and own[name] is None and "__eq__" in own):
            setattr(declared, name, method)
    setattr(declared, "__record__", shape)  # noqa: B010 - a type checker knows nothing of it
    return declared


def _annotations(declared: type[Any]) -> dict[str, Any]:
    """Return the annotations of a class itself: not those of its bases, and also where Python makes them when asked."""
    if _INHERITS_ANNOTATIONS:
        found: dict[str, Any] = vars(declared).get("__annotations__", {})
        return found
    return declared.__annotations__


def _init(self: Any, /, *values: Any, **named: Any) -> None:
    shape: _Shape = self.__record__
    state = self.__dict__
    state.update(zip(shape.accepted, values))
    if named or len(values) != shape.number or not shape.is_simple:
        _complete(self, shape, values, named)
    if shape.has_post_init:
        self.__post_init__()


def _complete(self: Any, shape: _Shape, values: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Set what was given by name, and the defaults of the rest. Raises TypeError as every function does."""
    kind, state = type(self).__qualname__, self.__dict__
    if len(values) > shape.number:
        raise TypeError(f"{kind}() takes {shape.number} values, and {len(values)} were given")
    for name in named:
        if name not in shape.accepted:
            raise TypeError(f"{kind}() got an unexpected keyword argument {name!r}")
        if name in state:
            raise TypeError(f"{kind}() got multiple values for argument {name!r}")
    state.update(named)
    missing = []
    for each in shape.every:
        if each.name in state:
            continue
        if each.factory is not _MISSING:
            state[each.name] = each.factory()
        elif each.default is not _MISSING:
            state[each.name] = each.default
        elif each.init:
            missing.append(each.name)
    if missing:
        raise TypeError(f"{kind}() is missing {', '.join(map(repr, missing))}")


def _repr(self: Any) -> str:
    shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in self.__record__.every if each.repr)
    return f"{type(self).__qualname__}({shown})"


def _values(record: Any) -> tuple[Any, ...]:
    return tuple([getattr(record, name) for name in record.__record__.compared])


def _eq(self: Any, other: object) -> Any:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _lt(self: Any, other: object) -> Any:
    return _values(self) < _values(other) if type(other) is type(self) else NotImplemented


def _le(self: Any, other: object) -> Any:
    return _values(self) <= _values(other) if type(other) is type(self) else NotImplemented


def _gt(self: Any, other: object) -> Any:
    return _values(self) > _values(other) if type(other) is type(self) else NotImplemented


def _ge(self: Any, other: object) -> Any:
    return _values(self) >= _values(other) if type(other) is type(self) else NotImplemented


def _setattr(self: Any, name: str, value: Any) -> None:  # noqa: ARG001
    raise FrozenError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:  # noqa: ARG001
    raise FrozenError(f"cannot delete field {name!r}")


def _replace(record: Any, /, **changes: Any) -> Any:
    """Return a record like `record`, but for `changes`. Raises TypeError for a field that it does not have."""
    values = {name: getattr(record, name) for name in record.__record__.accepted}
    return type(record)(**{**values, **changes})


if not TYPE_CHECKING:
    dataclass, field, replace = _dataclass, _field, _replace
