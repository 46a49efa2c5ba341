"""The first sentence of `doctor` counts how the checks have ended."""

from __future__ import annotations

import pytest

from teleport_bootstrap.cli import doctor
from teleport_bootstrap.doctor.check import FAIL, PASS, SKIPPED, WARN


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ([PASS, PASS], "2 checks: 2 passed."),
        ([PASS, SKIPPED], "2 checks: 1 passed; 1 skipped, which do not apply here or could not know."),
        ([FAIL, PASS, PASS], "3 checks: 1 failed, 2 passed."),
        (
            [FAIL, WARN, WARN, SKIPPED],
            "4 checks: 1 failed, 2 warned; 1 skipped, which do not apply here or could not know.",
        ),
        ([SKIPPED, SKIPPED], "2 checks: 2 skipped, which do not apply here or could not know."),
    ],
)
def test_the_sentence_says_how_many_of_those_that_ran(results: list[str], sentence: str) -> None:
    assert doctor._sentence(results) == sentence
