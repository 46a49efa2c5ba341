"""Records, which are declared like the standard library's dataclasses and behave like them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap import records
from teleport_bootstrap.secret import Secret


class Ours:
    dataclass, field, replace = records.dataclass, records.field, records.replace


class Theirs:
    dataclass, field, replace = dataclasses.dataclass, dataclasses.field, dataclasses.replace


def declared(library: Any) -> Any:
    """Return the same classes, made by one of both."""

    @library.dataclass(frozen=True)
    class Frozen:
        first: int
        second: str = "x"
        third: Any = library.field(default_factory=list)
        hidden: str = library.field(default="h", repr=False, compare=False)
        kind: ClassVar[int] = 7

        @property
        def both(self) -> str:
            return f"{self.first}{self.second}"

    @library.dataclass
    class Changing:
        first: int
        second: list[int] = library.field(default_factory=list)
        made: str = library.field(default="made", init=False)
        also: list[int] = library.field(default_factory=list, init=False)

        def __post_init__(self) -> None:
            self.total = self.first + sum(self.second)

    @library.dataclass
    class Below(Changing):
        more: int = 3
        first: int = 9

    @library.dataclass(eq=False)
    class Same:
        value: int

    @library.dataclass(frozen=True, order=True)
    class Ordered:
        first: int
        second: int

    @library.dataclass
    class Own:  # noqa: PLW1641
        value: int

        def __init__(self, value: int) -> None:
            self.value = value + 1

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "own"

    @library.dataclass(frozen=True)
    class OwnHash:
        value: int

        def __hash__(self) -> int:
            return 5

    @library.dataclass(eq=False)
    class Failure(Exception):
        message: str
        line: int = 1

    @library.dataclass
    class Empty:
        pass

    @library.dataclass(frozen=True)
    class Nothing(Frozen):  # no annotations of its own
        pass

    return (Frozen, Changing, Below, Same, Ordered, Own, OwnHash, Failure, Empty, Nothing)


OURS, THEIRS = declared(Ours), declared(Theirs)
INDICES = range(len(OURS))


def outcome(act: Any) -> Any:
    """Return what `act` gives, or the kind of its error."""
    try:
        found = act()
    except Exception as error:
        return AttributeError if isinstance(error, AttributeError) else type(error)
    return found


VALUES = st.lists(st.integers(0, 3), max_size=4)
NAMED = st.dictionaries(
    st.sampled_from(("first", "second", "third", "hidden", "made", "more", "value", "message", "line", "other")),
    st.integers(0, 3),
    max_size=4,
)


@given(st.sampled_from(INDICES), VALUES, NAMED)
def test_takes_the_values_that_a_dataclass_takes(index: int, values: list[int], named: dict[str, int]) -> None:
    ours, theirs = (outcome(lambda kind=kind: repr(kind(*values, **named))) for kind in (OURS[index], THEIRS[index]))
    assert ours == theirs


@given(st.sampled_from(INDICES), VALUES, VALUES)
def test_compares_and_hashes_as_a_dataclass_does(index: int, one: list[int], other: list[int]) -> None:
    def compared(kind: Any) -> list[Any]:
        first, second = kind(*one), kind(*other)
        return [
            outcome(each)
            for each in (
                lambda: first == second,
                lambda: first != second,
                lambda: first < second,
                lambda: first <= second,
                lambda: first > second,
                lambda: first >= second,
                lambda: (hash(first) == hash(second)) if first == second else hash(first) and None,
                lambda: first == "text",
            )
        ]

    ours, theirs = (outcome(lambda kind=kind: compared(kind)) for kind in (OURS[index], THEIRS[index]))
    assert ours == theirs


@given(st.sampled_from(INDICES), VALUES, NAMED)
def test_is_replaced_as_a_dataclass_is(index: int, values: list[int], changes: dict[str, int]) -> None:
    ours, theirs = (
        outcome(lambda kind=kind, library=library: repr(library.replace(kind(*values), **changes)))
        for kind, library in ((OURS[index], Ours), (THEIRS[index], Theirs))
    )
    # For a field that is not in the call, the standard library has had ValueError and TypeError in its releases.
    assert ours == theirs or {ours, theirs} == {ValueError, TypeError}


def test_replace_keeps_the_rest() -> None:
    frozen = OURS[0](1, "y", [2], hidden="z")
    assert records.replace(frozen, first=3) == OURS[0](3, "y", [2])
    assert records.replace(frozen, first=3).hidden == "z"


def test_each_record_has_a_default_of_its_own() -> None:
    one, other = OURS[1](1), OURS[1](1)
    one.second.append(5)
    one.also.append(5)
    assert (other.second, other.also) == ([], [])


def test_a_frozen_record_does_not_change() -> None:
    frozen = OURS[0](1)
    with pytest.raises(records.FrozenError, match="'first'"):
        frozen.first = 2
    with pytest.raises(AttributeError, match="'first'"):
        del frozen.first
    with pytest.raises(AttributeError, match="'unknown'"):
        frozen.unknown = 2
    assert frozen == OURS[0](1)


def test_a_record_that_can_change_changes() -> None:
    changing = OURS[1](1, [2])
    assert changing.total == 3
    changing.first = 5
    assert repr(changing).endswith("Changing(first=5, second=[2], made='made', also=[])")
    with pytest.raises(TypeError, match="unhashable"):
        hash(changing)


def test_an_error_says_which_value_is_wrong() -> None:
    with pytest.raises(TypeError, match=r"Frozen\(\) is missing 'first'"):
        OURS[0]()
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'fourth'"):
        OURS[0](1, fourth=4)
    with pytest.raises(TypeError, match=r"multiple values for argument 'first'"):
        OURS[0](1, first=1)
    with pytest.raises(TypeError, match=r"takes 4 values, and 5 were given"):
        OURS[0](1, "x", [], "h", 5)


def test_names_its_fields_with_their_annotations() -> None:
    assert [(each.name, each.type) for each in records.fields(OURS[0](1))] == [
        *(("first", "int"), ("second", "str"), ("third", "Any"), ("hidden", "str")),
    ]
    assert [each.name for each in records.fields(OURS[2])] == ["first", "second", "made", "also", "more"]
    assert records.is_record(OURS[0])
    assert records.is_record(OURS[0](1))
    assert not records.is_record(THEIRS[0](1))
    assert not records.is_record("text")


def test_a_default_can_be_read_from_the_class() -> None:
    assert (OURS[0].second, OURS[0].hidden, OURS[0].kind) == ("x", "h", 7)
    assert not hasattr(OURS[0], "third")


def test_a_secret_in_a_record_is_not_shown() -> None:
    @records.dataclass(frozen=True)
    class Held:
        secret: Secret
        other: str

    held = Held(Secret("correct-horse-battery"), "open")
    for text in (repr(held), str(held), f"{held}", f"{held!r}", repr([held]), repr(records.replace(held, other="x"))):
        assert "correct-horse" not in text
        assert "Secret(********)" in text
    with pytest.raises(TypeError) as raised:
        records.replace(held, unknown=held.secret)
    assert "correct-horse" not in str(raised.value)
    with pytest.raises(TypeError):
        pickle.dumps(held.secret)


def test_is_copied() -> None:
    frozen = OURS[0](1, "y", [2])
    assert copy.copy(frozen) == frozen
    assert copy.deepcopy(frozen) == frozen
    assert copy.deepcopy(frozen).third is not frozen.third


def test_a_method_of_a_base_is_replaced_as_in_a_dataclass() -> None:
    for library in (Ours, Theirs):

        class Base:
            def __repr__(self) -> str:
                return "base"

            def __init__(self) -> None:
                raise AssertionError

        @library.dataclass
        class Made(Base):
            value: int

        assert repr(Made(1)).endswith("Made(value=1)")
