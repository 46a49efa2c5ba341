"""What is known at once is said at once: before a wait for the metadata service or for AWS."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulated.agent import Agent, Ended, needs_root

# Nothing answers there.
SILENT = "http://127.0.0.1:9"
CONF = "TELEPORT_DOMAIN_NAME=teleport.example.com\n"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    (tmp_path / "root").mkdir()
    agent = Agent(tmp_path / "root", imds=SILENT)
    agent.install()
    agent.conf(CONF)
    agent.write("/etc/teleport.yaml", "version: v3\n")
    return agent


@pytest.fixture
def full(agent: Agent) -> Iterator[Path]:
    """A full disk at the agent's state."""
    state = agent.path("/var/lib/teleport-bootstrap")
    state.mkdir(parents=True, mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(state)], check=True)
    try:
        (state / "lock").write_text("")
        with open(state / "filling", "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        assert os.statvfs(state).f_bavail == 0
        yield state
    finally:
        subprocess.run(["umount", str(state)], check=True)


def at_once(agent: Agent, *arguments: str) -> Ended:
    began = time.monotonic()
    done = agent.run(*arguments, "--wait", "60", timeout=50)
    assert time.monotonic() - began < 20, "that was waited for"
    assert done.status != 0
    assert "waiting up to" not in done.errors
    return done


@needs_root
def test_issue_15_terminal_5_a_full_disk_is_reported_before_reconfigure_waits(agent: Agent, full: Path) -> None:
    done = at_once(agent, "reconfigure", "--yes")
    assert f"{full} cannot be written: No space left on device" in done.errors


@pytest.mark.parametrize("command", ["reconfigure", "rollback", "restore"])
def test_issue_15_terminal_5_wrong_arguments_are_reported_before_a_wait(agent: Agent, command: str) -> None:
    assert "has no option --no-such" in at_once(agent, command, "--no-such").errors


def test_issue_15_terminal_5_a_generation_that_is_not_kept_is_reported_at_once(agent: Agent) -> None:
    assert at_once(agent, "rollback", "77", "--yes").status in (2, 6)


def test_issue_15_terminal_5_a_place_that_cannot_be_written_is_reported_before_backup_waits(
    agent: Agent, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "there").mkdir(mode=0o700)
    (tmp_path / "there" / "old.tar.gz").write_text("")
    assert "cannot be written" in at_once(agent, "backup", f"{tmp_path}/file/below").errors
    assert "already exists" in at_once(agent, "backup", f"{tmp_path}/there/old.tar.gz").errors
    assert "is for s3:// only" in at_once(agent, "backup", f"{tmp_path}/there/", "--kms-key-id", "x").errors
