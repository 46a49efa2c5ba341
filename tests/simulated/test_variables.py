"""`teleport-bootstrap variables`: the reference of the conf at the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from teleport_bootstrap.conf import variables
from tests.simulated.agent import Agent


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


def test_without_a_name_there_is_a_line_for_each(agent: Agent) -> None:
    done = agent.run("variables")
    assert done.status == 0
    assert [line.split()[0] for line in done.output.splitlines() if line.startswith("  ")] == [
        each.name for each in variables.TABLE
    ]
    assert max(map(len, done.output.splitlines())) <= 80


def test_a_role_leaves_only_what_it_reads(agent: Agent) -> None:
    names = {each["name"] for each in agent.run("variables", "--role", "agent", "--format", "json").data["variables"]}
    assert "TELEPORT_JOIN_TOKEN" in names and "TELEPORT_DYNAMO_TABLE_NAME" not in names


def test_a_name_is_explained_with_all_that_the_manual_says(agent: Agent) -> None:
    done = agent.run("variables", "TELEPORT_AUTH_SERVER_LB", "USE_ACM")
    assert done.status == 0
    for said in ("TELEPORT_AUTH_SERVER_LB\n", "3025", "Type: DNS name", "Required: for auth", "USE_ACM\n"):
        assert said in done.output
    assert "`" not in done.output


def test_a_mistyped_name_is_a_usage_error_that_names_the_right_one(agent: Agent) -> None:
    done = agent.run("variables", "TELEPORT_AUTH_SERVER_LN")
    assert done.status == 2
    assert "did you mean TELEPORT_AUTH_SERVER_LB?" in done.errors
