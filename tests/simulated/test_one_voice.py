"""A change speaks with one voice: the proposal, then what is done, then one line that closes it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from teleport_bootstrap.cli import confirmation, result
from tests.simulated import restoring, terminal
from tests.simulated.agent import GUIDE, Agent
from tests.simulated_ec2 import imds as emulator

MORE = GUIDE + "TELEPORT_SSH_LABELS='env: prod'\n"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    (tmp_path / "root").mkdir()
    agent = Agent(tmp_path / "root", imds=imds.url)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    agent.conf(MORE)
    return agent


def test_issue_15_terminal_2_with_yes_the_proposal_is_printed_before_anything_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = argparse.Namespace(command="reconfigure", yes=True, format="text")
    assert confirmation.agreed(arguments, ["the difference", "Then restart x.service.", "Apply this?"])
    assert capsys.readouterr().out == "the difference\nThen restart x.service.\n"
    arguments.format = "json"
    assert confirmation.agreed(arguments, ["the difference", "Apply this?"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("answers", [(), ("y",)], ids=["yes", "asked"])
def test_issue_15_terminal_2_no_word_of_the_future_after_the_deed(agent: Agent, answers: tuple[str, ...]) -> None:
    options = () if answers else ("--yes",)
    status, sent = terminal.at_terminal(agent, "reconfigure", "--wait", "20", *options, answers=answers)
    assert status == 0, sent
    lines = [line for line in terminal.screen(sent) if line]
    text = " ".join(lines)
    assert text.count("Then reload") == 1 and text.count("generation 2 is applied") == 1
    assert text.index("env: prod") < text.index("Then reload") < text.index("generation 2 is applied")
    assert text.count(result.NOT_CHECKED) == 1
    after = text[text.index("generation 2 is applied") :]
    assert "Then" not in after and "+" not in after


def test_issue_15_terminal_2_notes_of_the_conf_are_not_repeated_where_nothing_changes(agent: Agent) -> None:
    changed = agent.run("reconfigure", "--yes", "--wait", "20")
    assert changed.status == 0
    notes = [line for line in changed.output.splitlines() if line.startswith("note: An application load balancer")]
    again = agent.run("reconfigure", "--yes", "--wait", "20")
    assert again.output.startswith("nothing has changed")
    assert not [line for line in notes if line in again.output]
    # They are in the answer to the one who asks for them.
    assert all(line in agent.run("validate").output for line in notes)


def test_issue_15_terminal_2_a_rollback_and_a_restore_close_with_one_line(agent: Agent, tmp_path: Path) -> None:
    assert agent.run("reconfigure", "--yes", "--wait", "20").status == 0
    done = agent.run("rollback", "--yes")
    closing = [line for line in done.output.splitlines() if line.startswith("generation 1 is applied")]
    assert done.status == 0 and len(closing) == 1 and result.NOT_CHECKED in closing[0]
    assert done.output.index("Then ") < done.output.index(closing[0])
    restoring.used(agent)
    archive = restoring.backup(agent, tmp_path / "backups")
    done = restoring.restore(agent, archive, "--force")
    assert done.status == 0, done.errors
    closing = [line for line in done.output.splitlines() if line.startswith("restored ")]
    assert len(closing) == 1 and result.NOT_CHECKED in closing[0]
    assert done.output.index("Then start") < done.output.index(closing[0])
