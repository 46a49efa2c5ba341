"""Names for annotations that do not need the standard library's `typing`."""

from __future__ import annotations

import typing

from teleport_bootstrap import hints


def declared(library: typing.Any) -> typing.Any:
    class Point(library.NamedTuple):
        """Where it is."""

        across: int
        down: int = 2
        name: str = "x"

        @property
        def both(self) -> int:
            return self.across + self.down

        def moved(self, by: int) -> typing.Any:
            return self._replace(across=self.across + by)

    return Point


def test_a_named_tuple_is_what_it_is_in_typing() -> None:
    ours, theirs = declared(hints), declared(typing)
    for act in (
        lambda kind: kind(1),
        lambda kind: kind(1, name="y")._asdict(),
        lambda kind: kind(1, 3).moved(2),
        lambda kind: kind(1, 3).both,
        lambda kind: kind._fields,
        lambda kind: kind._field_defaults,
        lambda kind: (kind.__doc__, kind.__name__, kind.__module__, kind.__qualname__),
        lambda kind: repr(kind(1)),
        lambda kind: kind(1) == (1, 2, "x") and isinstance(kind(1), tuple) and hash(kind(1)) == hash((1, 2, "x")),
        lambda kind: sorted([kind(2), kind(1)]),
    ):
        assert act(ours) == act(theirs)


def test_what_takes_parameters_can_be_a_base() -> None:
    kind = hints.TypeVar("kind")

    class Held(hints.Generic[kind]):
        value = 1

    class Client(hints.Protocol):
        def call(self) -> hints.Any: ...

    class Real(Held["int"], Client):
        pass

    assert Real().value == 1 and Real.__mro__[1] is Held
    assert hints.Union[int, None] is not None
    assert not hints.TYPE_CHECKING
