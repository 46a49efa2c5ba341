"""Answers that misled operators; the real command in a scratch root."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulated.agent import GUIDE, Agent, tree
from tests.simulated_ec2 import imds as emulator


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    return agent


@pytest.mark.parametrize(
    ("word", "meant"), [("lst", "list"), ("lsit", "list"), ("verfy", "verify"), ("craete", "create")]
)
def test_issue_20_row_1_a_mistyped_command_of_backup_makes_no_backup(agent: Agent, word: str, meant: str) -> None:
    before = tree(agent.root)
    done = agent.run("backup", word)
    assert done.status == 2 and f"`backup {meant}`" in done.errors and f"./{word}" in done.errors
    assert tree(agent.root) == before


@pytest.mark.parametrize("command", [("backup",), ("backup", "create"), ("backup", "list"), ("backup", "verify")])
def test_issue_20_row_1_a_place_is_a_directory_that_exists_or_has_a_slash(
    agent: Agent, command: tuple[str, ...]
) -> None:
    before = tree(agent.root)
    done = agent.run(*command, "archives")
    assert done.status == 2 and "./archives" in done.errors
    assert tree(agent.root) == before


def test_a_directory_that_exists_and_one_with_a_slash_are_places(agent: Agent) -> None:
    (agent.root / "here").mkdir()
    for place in ("here", "./new", "archive.tar.gz"):
        done = agent.run("backup", place, "--without-tables", "--wait", "2")
        assert done.status == 0, done.errors
    assert list((agent.root / "here").glob("*.tar.*")) and list((agent.root / "new").glob("*.tar.*"))


@pytest.mark.parametrize(
    "command", [("reconfigure", "--yes"), ("reconfigure", "--dry-run"), ("plan",), ("render",), ("adopt",), ("status",)]
)
def test_issue_20_row_3_every_command_that_reads_the_conf_gives_its_warnings(
    agent: Agent, command: tuple[str, ...]
) -> None:
    agent.conf(f"{GUIDE}\nTELEPORT_DNS_NAME=web1\n")
    done = agent.run(*command, "--wait", "20") if command != ("status",) else agent.run(*command)
    assert done.errors.count("did you mean TELEPORT_DOMAIN_NAME?") == 1, done.said


def test_issue_15_row_1_a_conf_with_a_mistyped_name_is_not_applied(agent: Agent) -> None:
    agent.conf(GUIDE.replace("TELEPORT_DOMAIN_NAME", "TELEPROT_DOMAIN_NAME"))
    before = tree(agent.root)
    done = agent.run("reconfigure", "--yes")
    assert done.status == 2 and "did you mean TELEPORT_DOMAIN_NAME?" in done.errors
    assert tree(agent.root) == before
