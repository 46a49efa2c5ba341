"""The manual of the conf says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from teleport_bootstrap.conf import grammar, reference, variables

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "conf-reference.md"
TEXT = reference.markdown()


def test_the_document_is_what_the_table_gives() -> None:
    command = "python -m teleport_bootstrap.conf.reference > docs/conf-reference.md"
    assert DOCUMENT.read_text("utf-8") == TEXT, f"run: {command}"


def test_every_variable_has_its_heading() -> None:
    assert re.findall("^### `(.*)`$", TEXT, re.MULTILINE) == [variable.name for variable in variables.TABLE]


def test_the_example_is_a_good_conf_with_the_values_it_explains() -> None:
    example = re.findall("```sh checked:grammar\n(.*?)```", TEXT, re.DOTALL)
    assert len(example) == 1
    parsed = grammar.parse(example[0].encode())
    assert parsed.problems == ()
    assert {assignment.name: assignment.value for assignment in parsed.assignments} == {
        "TELEPORT_DOMAIN_NAME": "teleport.example.com",
        "USE_ACM": "true",
        "TELEPORT_AGENT_APP_DESCRIPTION": 'costs $5, "net"',
        "TELEPORT_AGENT_DB_DESCRIPTION": 'costs $5, "net"',
        "BASE": "example.com",
        "TELEPORT_AUTH_SERVER_LB": "auth.example.com",
        "TELEPORT_SSH_LABELS": "env: prod|team: core",
    }


def _first_cells(heading: str) -> list[str]:
    table = TEXT.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    cells = [line.split(" | ", 1)[0] for line in table.splitlines()[2:]]
    return [code for cell in cells for code in re.findall("(?<!`)`([A-Za-z0-9_]+ ?[=+[][^`]*)`(?!`)", cell)]


@pytest.mark.parametrize("code", _first_cells("refused"))
def test_what_the_manual_says_is_refused_is_refused(code: str) -> None:
    assert len(grammar.parse(code.replace("…", "x").encode()).problems) == 1


@pytest.mark.parametrize("code", [code for code in _first_cells("also fine") if "two" not in code])
def test_what_the_manual_says_is_fine_is_fine(code: str) -> None:
    assert grammar.parse(code.encode()).problems == ()


def test_the_tables_of_the_manual_are_really_read() -> None:
    assert len(_first_cells("refused")) > 12
    assert len(_first_cells("also fine")) > 5
