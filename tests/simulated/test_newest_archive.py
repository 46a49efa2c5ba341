"""`backup verify` and `restore` without an archive: the newest of where this host keeps its backups."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulated import backing_up, terminal
from tests.simulated.agent import Agent
from tests.simulated.backing_up import BACKUPS
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return backing_up.prepared(tmp_path_factory.mktemp("prepared") / "root")


@pytest.fixture
def agent(tmp_path: Path, prepared: Path, imds: emulator.Server) -> Iterator[Agent]:
    yield backing_up.copied(prepared, tmp_path / "root", imds)


def test_issue_15_terminal_6_backup_verify_takes_the_newest_of_the_default_place(agent: Agent) -> None:
    done = agent.run("backup", "verify")
    assert done.status == 6 and "there is no backup in" in done.errors
    first, second = backing_up.made(agent)["archive"], backing_up.made(agent)["archive"]
    done = agent.run("backup", "verify")
    assert done.status == 0, done.errors
    assert second in done.output and first not in done.output
    assert f"no archive was named: verifying {second}" in done.errors


def test_issue_15_terminal_6_the_place_is_that_of_the_timer(agent: Agent, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir(mode=0o700)
    agent.write(
        "/etc/default/teleport-bootstrap", f"# a comment\nBACKUP_ARGUMENTS=\"--keep 7 '{elsewhere}/' --stop\"\n"
    )
    place = backing_up.made(agent, f"{elsewhere}/")["archive"]
    done = agent.run("backup", "verify")
    assert done.status == 0 and place in done.output, done.errors
    # What cannot be understood is not what decides.
    agent.write("/etc/default/teleport-bootstrap", "BACKUP_ARGUMENTS=--no-such\n")
    assert str(agent.path(BACKUPS)) in agent.run("backup", "verify").errors


def test_issue_15_terminal_6_the_place_may_be_a_bucket(agent: Agent, aws: Aws) -> None:
    agent.aws = aws.url
    aws.client("s3").create_bucket(Bucket="acme-backups")
    agent.write("/etc/default/teleport-bootstrap", "BACKUP_ARGUMENTS=--keep 7 s3://acme-backups/hosts\n")
    place = backing_up.made(agent, "s3://acme-backups/hosts")["archive"]
    done = agent.run("backup", "verify")
    assert done.status == 0 and place in done.output, done.errors


def test_issue_15_terminal_6_restore_offers_the_newest_and_asks(agent: Agent) -> None:
    place = backing_up.made(agent)["archive"]
    for options in ((), ("--yes",)):
        done = agent.run("restore", *options)
        assert done.status == 2
        assert f"The newest backup of this host is {place}" in done.errors
        assert f"`teleport-bootstrap restore {place}`" in done.errors
    done = agent.run("restore", "--dry-run", "--force")
    assert done.status == 0 and Path(place).name in done.output, done.errors
    status, shown = terminal.at_terminal(agent, "restore", "--force", answers=["n"])
    assert status == 0, shown
    assert Path(place).name in shown and "nothing was changed" in shown


def test_issue_15_terminal_6_restore_without_any_backup_says_what_to_name(agent: Agent) -> None:
    shutil.rmtree(agent.path(BACKUPS), ignore_errors=True)
    done = agent.run("restore", "--yes")
    assert done.status == 2
    assert "nothing says which archive to restore" in done.errors and "there is no backup in" in done.errors
