"""The first sentence of `doctor` counts how the checks have ended."""

from __future__ import annotations

import pytest

from teleport_bootstrap.cli import doctor
from teleport_bootstrap.doctor.check import FAIL, PASS, SKIPPED, WARN


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ([PASS, PASS], "All of 2 checks passed."),
        ([PASS, SKIPPED], "All of 1 checks passed; 1 could not know, or do not apply here."),
        ([FAIL, PASS, PASS], "Of 3 checks, 1 failed."),
        ([FAIL, WARN, WARN, SKIPPED], "Of 3 checks, 1 failed and 2 warned; 1 could not know, or do not apply here."),
        ([SKIPPED, SKIPPED], "None of 2 checks could run: they could not know, or do not apply here."),
    ],
)
def test_the_sentence_says_how_many_of_those_that_ran(results: list[str], sentence: str) -> None:
    assert doctor._sentence(results) == sentence
