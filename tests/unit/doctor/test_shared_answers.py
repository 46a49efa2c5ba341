"""What several checks ask for is read once."""

from __future__ import annotations

import pytest

from teleport_bootstrap.doctor.shared_answers import SharedAnswers


def test_a_value_is_read_once() -> None:
    answers, values = SharedAnswers(), iter([1, 2])
    for _ in range(2):
        assert answers.get("a", lambda: next(values)) == 1
    assert answers.get("b", lambda: 5) == 5


def test_an_error_is_raised_for_each() -> None:
    answers = SharedAnswers()
    asked: list[int] = []

    def fail() -> None:
        asked.append(1)
        raise ValueError("x")

    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            answers.get("a", fail)
    assert asked == [1]
