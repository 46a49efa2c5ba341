"""`teleport-bootstrap variables`: the reference of the conf at the shell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from teleport_bootstrap.conf import conf_file, decision, variables
from teleport_bootstrap.roles import Role
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


def test_issue_15_terminal_6_a_word_is_searched_in_names_and_explanations(agent: Agent) -> None:
    done = agent.run("variables", "acm")
    assert done.status == 0
    found = {line.split()[0] for line in done.output.splitlines() if line.startswith("  ")}
    assert {"USE_ACM", "TELEPORT_ACM_TARGET_PROTOCOL", "USE_TLS_ROUTING"} <= found
    assert "TELEPORT_LICENSE_PATH" not in found
    assert {each["name"] for each in agent.run("variables", "ACM", "--format", "json").data["variables"]} == found
    # What is the only one is explained at once.
    assert (
        "Type: secret"
        in agent.run("variables", "registration_secret_par", "join_token_par", "TELEPORT_JOIN_TOKEN").output
    )
    assert "TELEPORT_DYNAMO_TABLE_NAME" not in agent.run("variables", "table", "--role", "proxy").said


def test_issue_15_terminal_6_what_is_found_nowhere_is_an_error(agent: Agent) -> None:
    done = agent.run("variables", "acm", "kuberntes")
    assert done.status == 2
    assert "no variable has kuberntes in its name or explanation" in done.errors


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_issue_15_terminal_6_the_example_of_each_role_is_a_valid_conf(agent: Agent, role: str, tmp_path: Path) -> None:
    text = agent.run("variables", "--example", role).output
    assert agent.run("variables", "--example", role, "--format", "json").data["content"] == text
    assert max(map(len, text.splitlines())) <= 80
    more = re.sub(r"^#(?=[A-Z_]+=)", "", text, flags=re.MULTILINE)
    assert more != text
    for conf in (text, more):
        done = agent.run("validate", "-", stdin=conf.encode())
        assert done.status == 0
        assert len(done.output.splitlines()) == 1, done.output
    plan = conf_file.load(text.encode(), "conf")
    assert decision.decide(plan, fips=False).role.value == role


def test_issue_15_terminal_6_an_example_takes_no_variables(agent: Agent) -> None:
    done = agent.run("variables", "--example", "proxy", "USE_ACM")
    assert done.status == 2
    assert "takes no variables" in done.errors


def test_a_part_of_every_name_and_the_middle_of_a_word_find_nothing(agent: Agent) -> None:
    def found(word: str) -> set[str]:
        return {each["name"] for each in agent.run("variables", word, "--format", "json").data["variables"]}

    ports, everything = found("port"), set(variables.BY_NAME)
    assert {"TELEPORT_EXTERNAL_PORT", "TELEPORT_WEB_LISTEN_PORT"} <= ports
    assert not ports & {"TELEPORT_NODENAME", "TELEPORT_INFLUXDB_ADDRESS"}, "neither TELEPORT_ nor 'supported'"
    assert found("teleport_agent_db") < found("teleport_") < everything
