"""Issue 15, the terminal, point 4: what `status` says first, and `status --watch`."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from tests.simulated import on_terminal
from tests.simulated.agent import GUIDE, Agent
from tests.simulated_ec2 import imds as emulator

HOME = "\x1b[H"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.install(version="17.5.1")
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    return agent


def test_issue_15_terminal_4_the_first_line_says_what_this_host_is(agent: Agent) -> None:
    first = agent.run("status").output.split("\n")[0]
    assert first == (
        "Unknown. All-in-one of teleport.acmeinc.com at https://teleport.acmeinc.com, version 17.5.1, not asked for "
        "its health, no verified backup."
    )
    assert agent.run("backup", "--without-tables").status == 0
    assert re.search(r"last verified backup \d+ s ago\.$", agent.run("status").output.split("\n")[0])


def test_issue_15_terminal_4_what_needs_attention_comes_before_the_table(agent: Agent) -> None:
    agent.conf(f'{GUIDE}TELEPORT_NODENAME="other"\n')
    lines = agent.run("status").output.split("\n")
    assert lines[0].startswith("Drifted. ") and lines[1:3] == ["", "Needs attention:"]
    assert lines[3].startswith("~ ") and lines[3].endswith("(run `teleport-bootstrap reconfigure` to apply it)")
    assert lines[4] == "" and lines[5].startswith("state: ")


def test_issue_15_terminal_4_a_line_of_the_conf_that_is_invalid_is_shown(agent: Agent) -> None:
    agent.conf(f"{GUIDE}TELEPORT_WEB_LISTEN_PORT=x\n")
    shown = on_terminal.run(agent, "status", columns=100)
    assert shown.status == 15 and "| TELEPORT_WEB_LISTEN_PORT=x\n" in shown.text


def test_issue_15_terminal_4_a_missing_conf_is_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    done = Agent(tmp_path / "root").run("status")
    assert done.output.startswith(f"Nothing is configured: there is no {tmp_path}/root/etc/teleport.d/conf.\n")


def test_issue_15_terminal_4_watch_redraws_until_ctrl_c(agent: Agent) -> None:
    def look(session: on_terminal.Session) -> None:
        session.wait_for(HOME, times=2)
        agent.conf(f'{GUIDE}TELEPORT_NODENAME="other"\n')
        session.wait_for("Drifted.")
        session.wait_for(HOME, times=4)
        session.type("\x03")

    shown = on_terminal.run(agent, "status", "--watch", "1", meanwhile=look)
    assert shown.status == 15, "that of the last report"
    begin, end = shown.raw.index("\x1b[?1049h"), shown.raw.index("\x1b[?1049l")
    assert begin < shown.raw.index(HOME) < shown.raw.rindex(HOME) < end, "on a screen of its own"
    assert shown.raw[end:].count("Drifted.") == 1, "the last report stays"
    assert "interrupted" not in shown.text and "Traceback" not in shown.text


@pytest.mark.parametrize("rows", [5, 12])
def test_issue_15_terminal_4_watch_draws_what_there_is_room_for(agent: Agent, rows: int) -> None:
    def look(session: on_terminal.Session) -> None:
        session.wait_for(HOME)
        session.wait_for("more lines")
        session.type("\x03")

    raw = on_terminal.run(agent, "status", "--watch", rows=rows, meanwhile=look).raw
    drawn = raw[raw.index(HOME) : raw.index("\x1b[?1049l")]
    assert drawn.count("\n") == rows - 1


def test_issue_15_terminal_4_watch_leaves_the_terminal_as_it_was_when_it_is_ended(agent: Agent) -> None:
    def look(session: on_terminal.Session) -> None:
        session.wait_for(HOME)
        session.process.send_signal(signal.SIGTERM)

    shown = on_terminal.run(agent, "status", "--watch", meanwhile=look)
    assert shown.status == 128 + signal.SIGTERM
    assert "\x1b[?1049l" in shown.raw and "\x1b[?12l\x1b[?25h" in shown.raw


def test_issue_15_terminal_4_watch_does_not_draw_more_often_than_once_a_second(agent: Agent) -> None:
    def look(session: on_terminal.Session) -> None:
        session.wait_for(HOME)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            session.read()
        session.type("\x03")

    assert on_terminal.run(agent, "status", "--watch", "0", meanwhile=look).raw.count(HOME) <= 4


@pytest.mark.parametrize("options", [("--watch",), ("--watch", "5")])
def test_issue_15_terminal_4_watch_needs_a_terminal_and_text(agent: Agent, options: tuple[str, ...]) -> None:
    done = agent.run("status", *options)
    assert done.status == 2 and "--watch needs a terminal" in done.errors and done.output == ""
    done = agent.run("status", *options, "--format", "json")
    assert done.status == 2 and done.data["error"]["code"] == "usage"
    shown = on_terminal.run(agent, "status", *options, environ={"TERM": "dumb"})
    assert shown.status == 2 and "--watch needs a terminal" in shown.text
