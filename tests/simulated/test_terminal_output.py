"""Issue 15, the terminal, point 1: the real command on a real pseudo-terminal says what it says in a pipe, laid out."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from teleport_bootstrap import escaping, wrapping
from tests.simulated import on_terminal
from tests.simulated.agent import GUIDE, Agent, Ended
from tests.simulated.on_terminal import Shown
from tests.simulated.test_hostile_text import HOSTILE
from tests.simulated_ec2 import imds as emulator

WIDTHS = (40, 57, 80, 120, 200)
# What a terminal shows besides: the line of a file, and the caret below it.
QUOTED = re.compile(r"^ +\d* +\| .*$\n?", re.MULTILINE)
UNIT = re.compile(r"(?:`[^`\n]*`|\S)+")
# These print a document, which stays as it is in every width.
DOCUMENTS = ("render", "plan")

WRONG = (
    GUIDE.replace("TELEPORT_DOMAIN_NAME", "TELEPROT_DOMAIN_NAME")
    + "TELEPORT_EXTERNAL_PORT=44x\nTELEPORT_JOIN_TOKEN=hush hush-hush\nif [ x ]; then\n"
)


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.install(version="17.5.1")
    agent.conf(GUIDE)
    return agent


def units(text: str) -> Counter[str]:
    """The words and commands of `text`, however they are arranged; a remedy has an arrow instead of parentheses."""
    bare = (re.sub(r"^[(→]+|[).,;:…]+$", "", each) for each in UNIT.findall(QUOTED.sub("", text)))
    return Counter(each for each in bare if each)


def compare(agent: Agent, *arguments: str, columns: int) -> tuple[Ended, Shown]:
    """Run the command both ways, and compare what it says."""
    piped = agent.run(*arguments)
    shown = on_terminal.run(agent, *arguments, columns=columns)
    assert shown.status == piped.status, shown.text
    assert "\x1b" in shown.raw and "\x1b" not in piped.said
    assert units(shown.text) == units(piped.said), f"{piped.said}\n{shown.text}"
    if arguments[0] not in DOCUMENTS:
        for line in shown.text.split("\n"):
            assert wrapping.columns(line) <= columns or len(UNIT.findall(line)) <= 1, line
    return piped, shown


@pytest.mark.parametrize("columns", WIDTHS)
def test_issue_15_terminal_1_each_text_is_the_same_in_every_width(agent: Agent, columns: int) -> None:
    agent.conf(WRONG)
    for command in (["validate"], ["generate"], ["reconfigure", "--dry-run"], ["status"]):
        compare(agent, *command, columns=columns)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    agent.conf(GUIDE.replace("acme", "acne") + 'TELEPORT_NODENAME="other"\n')
    (agent.root / "backend").mkdir()
    agent.write("/var/lib/teleport/host_uuid", "6f1f0d0a-5a33-4c0e-9a5e-4f6a2b1c9d11")
    for command in (["status"], ["reconfigure", "--dry-run"], ["reconfigure", "--no-such-option"], ["render"]):
        compare(agent, *command, columns=columns)
    assert agent.run("backup", "--without-tables").status == 0
    for command in (["backup", "list"], ["variables", "USE_ACM", "TELEPORT_RESTORE_FROM"]):
        compare(agent, *command, columns=columns)


def test_issue_15_terminal_1_a_table_uses_the_width(agent: Agent) -> None:
    shown = {columns: on_terminal.run(agent, "variables", columns=columns).text for columns in (80, 160)}
    assert max(map(len, shown[80].split("\n"))) <= 80 < max(map(len, shown[160].split("\n"))) <= 160
    assert " ..." in agent.run("variables").output and " ..." not in shown[80], "it is not shortened there"


def test_issue_15_terminal_1_a_problem_of_a_conf_is_shown_in_its_line_with_a_caret(agent: Agent) -> None:
    agent.conf(WRONG)
    for command in ("validate", "generate"):
        shown = on_terminal.run(agent, command, columns=100).text
        assert '\n      2 | TELEPROT_DOMAIN_NAME="teleport.acmeinc.com"\n        | ^\n' in shown, shown
        assert "\n      7 | TELEPORT_JOIN_TOKEN=********\n        |                     ^\n" in shown, shown
        assert "\n      8 | if ********\n" in shown
        assert "hush" not in shown and "^" not in agent.run(command).said


def test_issue_15_terminal_1_a_problem_of_an_override_is_shown_in_its_line(agent: Agent) -> None:
    agent.write(
        "/etc/teleport.d/teleport.yaml.d/10.yaml", "teleport:\n  auth_token: hush\n  data_dir: /x\n  data_dir: /y\n"
    )
    shown = on_terminal.run(agent, "generate", columns=100).text
    assert "4 |   data_dir: /y\n        |   ^\n" in shown and "hush" not in shown, shown
    agent.write("/etc/teleport.d/teleport.yaml.d/10.yaml", "teleport:\n  auth_token: hush: hush\n")
    shown = on_terminal.run(agent, "generate", columns=100).text
    assert "2 |   auth_token: ********" in shown and "^" in shown and "hush" not in shown, shown


def test_issue_15_terminal_1_a_warning_about_the_conf_is_shown_in_its_line_too(agent: Agent) -> None:
    agent.conf(f"{GUIDE}TELEPORT_DNS_NAME=web1\n")
    for command in ("status", "plan"):
        shown = on_terminal.run(agent, command, columns=100).text
        assert "| TELEPORT_DNS_NAME=web1\n        | ^\n" in shown and shown.count("TELEPORT_DNS_NAME=web1") == 1, shown


def test_issue_15_terminal_1_what_others_wrote_controls_no_terminal(agent: Agent) -> None:
    value = re.sub(r"[`\r\n]", " ", HOSTILE)
    agent.conf(f"USE_ACM='{value}'\n")
    shown = on_terminal.run(agent, "validate", columns=100)
    assert shown.status == 2 and "\\x1b]0;owned" in shown.text and "\x1b[31mred" not in shown.raw
    assert escaping.several_lines(shown.text) == shown.text, ascii(shown.text)


@pytest.mark.parametrize("columns", [40, 200])
@pytest.mark.parametrize("command", [["status"], ["backup", "list"], ["restore"]])
def test_issue_15_terminal_1_help_breaks_no_word(agent: Agent, command: list[str], columns: int) -> None:
    piped = agent.run(*command, "--help")
    shown = on_terminal.run(agent, *command, "--help", columns=columns, environ={"TERM": "dumb"})
    assert units(shown.text) == units(piped.output)


def test_issue_15_terminal_1_a_file_that_cannot_be_read_is_not_quoted(agent: Agent) -> None:
    done = agent.run("validate", "-", stdin=WRONG.encode())
    assert done.status == 2
    named = agent.write("/conf", WRONG)
    assert "| TELEPROT" in on_terminal.run(agent, "validate", str(named)).text


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_issue_15_terminal_1_is_plain_where_it_is_asked_to_be(agent: Agent, environ: dict[str, str]) -> None:
    agent.conf(WRONG)
    shown = on_terminal.run(agent, "validate", environ=environ)
    assert "\x1b" not in shown.raw
    assert ("^" in shown.raw) == ("NO_COLOR" in environ)
    if "TERM" in environ:
        assert shown.raw == agent.run("validate").output


def test_issue_15_terminal_1_json_is_the_same_on_a_terminal(agent: Agent) -> None:
    agent.conf(WRONG)
    for command in ("validate", "variables"):
        shown = on_terminal.run(agent, command, "--format", "json")
        assert shown.raw == agent.run(command, "--format", "json").output


def test_issue_15_terminal_1_the_question_of_a_change_has_its_dangers_in_color(agent: Agent) -> None:
    assert agent.generate().status == 0
    agent.write("/var/lib/teleport/host_uuid", "6f1f0d0a-5a33-4c0e-9a5e-4f6a2b1c9d11")
    agent.conf(GUIDE.replace("acme", "acne"))

    def decline(session: on_terminal.Session) -> None:
        session.wait_for("[y/N] ")
        session.type("n\n")

    shown = on_terminal.run(agent, "reconfigure", meanwhile=decline)
    assert shown.status == 0 and "nothing was changed" in shown.text
    assert re.search(r"\x1b\[31m\S*DANGER:", shown.raw), shown.raw
    assert re.search(r"^\x1b\[32m\+ .*acne", shown.raw, re.MULTILINE), shown.raw
