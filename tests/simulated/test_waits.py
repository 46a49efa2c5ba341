"""What an operator sees while a command waits: at a terminal, and where its output leads elsewhere."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

import pytest

from tests.simulated import terminal
from tests.simulated.agent import Agent

NOTHING_ANSWERS = "http://127.0.0.1:9"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    (tmp_path / "root").mkdir()
    agent = Agent(tmp_path / "root", imds=NOTHING_ANSWERS)
    agent.conf("TELEPORT_DOMAIN_NAME=teleport.example.com\n")
    agent.install()
    return agent


def test_issue_15_terminal_3_a_wait_for_the_network_is_shown_with_its_time(agent: Agent) -> None:
    status, sent = terminal.at_terminal(agent, "generate", "--wait", "7", columns=120)
    assert status == 3, sent
    drawn = [each for each in re.split(r"[\r\n]", sent) if "waiting for the instance metadata" in each]
    assert any(re.search(r"at http://127.0.0.1:9, [2-7] s of 7 s: connection refused", each) for each in drawn), drawn
    lines = terminal.screen(sent)
    # Cleared at the end, and nothing else is on its line.
    assert not any(re.search(r", \d s of 7 s", line) for line in lines), lines
    assert sum("waiting up to" in line for line in lines) == 1


def test_issue_15_terminal_3_elsewhere_it_is_a_line_without_control_characters(agent: Agent) -> None:
    done = agent.run("generate", "--wait", "6")
    assert done.status == 3
    assert re.search(
        r"waiting up to [56] s for the instance metadata service at \S+: connection refused\n", done.errors
    )
    assert not re.search(r"[^\n\x20-\x7e…]", done.said)


def test_issue_15_terminal_3_a_wait_for_another_command_says_so(agent: Agent) -> None:
    lock = agent.write("/var/lib/teleport-bootstrap/lock", "backup (process 42)", 0o600)
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        status, sent = terminal.at_terminal(agent, "generate", "--wait", "4", columns=120)
        done = agent.run("generate", "--wait", "2")
    finally:
        os.close(descriptor)
    assert status == done.status != 0
    assert re.search(r"waiting for another teleport-bootstrap to end, [23] s of 4 s: backup \(process 42\)", sent), sent
    assert "waiting for another teleport-bootstrap to end, up to 2 s: backup (process 42)\n" in done.errors
