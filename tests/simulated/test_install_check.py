"""`install-check` on hosts that are not ready for it: it says what stands against it, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from teleport_bootstrap import errors
from tests import documents
from tests.simulated.agent import Agent, tree
from tests.unit.launch.test_existing import AGENT, NODE


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root)
    agent.install(version="17.5.1")
    return agent


def test_issue_19_point_7_it_reads_only_and_shows_no_secret(agent: Agent) -> None:
    agent.write("/etc/teleport.yaml", AGENT, 0o600)
    before = tree(agent.root)
    done = agent.run("install-check")
    assert done.status == 0, done.said
    assert "A conf for this agent" in done.output and "Steps" in done.output
    assert "planted-token" not in done.said
    assert tree(agent.root) == before


def test_issue_19_point_7_a_node_says_what_to_fill_in_and_which_unit_it_gets(agent: Agent) -> None:
    agent.write("/etc/teleport.yaml", NODE, 0o600)
    done = agent.run("install-check", "--format", "json")
    assert done.status == 0, done.said
    assert (done.data["role"], done.data["unit"]) == ("node", "teleport-node.service")
    assert done.data["to_fill"] == ["TELEPORT_CLUSTER_NAME"] and "FILL-IN" in done.data["steps"][0]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("teleport: [\n", "teleport-yaml-unreadable", "cannot be read"),
        (AGENT.replace("teleport:\n", "teleport:\n  data_dir: /srv/teleport\n"), "data-directory", "/srv/teleport"),
        (
            AGENT.replace("tp.acmeinc.com:443\n", "tp.acmeinc.com:443\n  log: {severity: loud}\n"),
            "document-process",
            "loud",
        ),
    ],
)
def test_issue_19_point_7_what_stands_against_it_is_said(agent: Agent, text: str, code: str, said: str) -> None:
    agent.write("/etc/teleport.yaml", text, 0o600)
    done = agent.run("install-check", "--format", "json")
    assert done.status == errors.CONF_OR_USAGE and not done.data["can_be_adopted"]
    assert any(each["code"] == code and said in each["message"] for each in done.data["findings"]), done.said


def test_issue_19_point_7_a_state_in_something_else_and_the_place_of_a_mistake_are_said(agent: Agent) -> None:
    storage = "  storage: {type: postgresql, conn_string: 'postgresql://u@h/state'}\n"
    agent.write("/etc/teleport.yaml", f"version: v3\nteleport:\n{storage}auth_service: {{cluster_name: main}}\n", 0o600)
    done = agent.run("install-check", "--format", "json")
    assert any(
        each["code"] == "other-storage" and "is in postgresql" in each["message"] for each in done.data["findings"]
    )
    agent.write("/etc/teleport.yaml", "version: v3\nteleport:\n\tx: 1\n", 0o600)
    assert "/etc/teleport.yaml:3:1: teleport.yaml cannot be read: a tab" in agent.run("install-check").said


def test_issue_19_point_7_without_a_teleport_yaml_there_is_nothing_to_adopt(agent: Agent) -> None:
    done = agent.run("install-check")
    assert done.status == errors.FILES and "nothing to adopt" in done.errors


def test_the_page_names_the_steps() -> None:
    page = "docs/existing-server.md"
    typed = "".join(block.text for block in documents.blocks(page, "run"))
    for command in ("install-check", "adopt", "generate", "reconfigure --yes", "status"):
        assert f"sudo teleport-bootstrap {command}\n" in typed
