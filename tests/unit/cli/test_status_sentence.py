"""Issue 15, the terminal, point 4: `status` opens with one sentence."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from teleport_bootstrap import checks
from teleport_bootstrap.cli import status_sentence
from teleport_bootstrap.host import clock
from teleport_bootstrap.operations import status
from teleport_bootstrap.operations.status_summary import Summary

NOW = 1_800_000_000.0
SERVES = Summary(
    configured=True,
    running=True,
    running_since_at=clock.iso(NOW - 3 * 3600 - 100),
    cluster="teleport.acmeinc.com",
    web_address="https://teleport.acmeinc.com",
    last_backup_at=clock.iso(NOW - 2 * 3600 - 100),
)


def test_issue_15_terminal_4_a_healthy_host_is_one_sentence() -> None:
    assert status_sentence.sentence(status.HEALTHY, "all-in-one", "18.2.0", SERVES, NOW) == (
        "Healthy. All-in-one of teleport.acmeinc.com at https://teleport.acmeinc.com, version 18.2.0, up 3 h, last "
        "verified backup 2 h ago."
    )


@pytest.mark.parametrize(
    ("state", "begins"),
    [
        (status.HEALTHY, "Healthy. "),
        (status.RECOVERING, "Recovering. "),
        (status.DRIFTED, "Drifted. "),
        (status.BROKEN, "Broken. "),
        (status.UNKNOWN, "Unknown. "),
    ],
)
def test_issue_15_terminal_4_it_begins_with_the_state(state: str, begins: str) -> None:
    assert status_sentence.sentence(state, "auth", "17.5.1", SERVES, NOW).startswith(f"{begins}Auth server of ")


@pytest.mark.parametrize(
    ("summary", "role", "version", "said"),
    [
        (Summary(configured=True, running=False), "auth", "17.0.0", "Auth server, version 17.0.0, not running, no "),
        (Summary(configured=True), "node", None, "Node, without a Teleport, not asked for its health."),
        (
            Summary(configured=True, running=True, joined_through="auth.example.com:3025"),
            "node",
            "17.0.0",
            "Node, joined through auth.example.com:3025, version 17.0.0.",
        ),
        (Summary(configured=True, running=True), None, "17.0.0", "Unknown role, version 17.0.0."),
    ],
)
def test_issue_15_terminal_4_what_is_not_known_is_left_out(
    summary: Summary, role: str | None, version: str | None, said: str
) -> None:
    assert said in status_sentence.sentence(status.BROKEN, role, version, summary, NOW)


def test_issue_15_terminal_4_nothing_configured_says_so_first() -> None:
    assert status_sentence.nothing("/etc/teleport.d/conf", exists=False) == (
        "Nothing is configured: there is no /etc/teleport.d/conf."
    )
    assert "has not been applied yet" in status_sentence.nothing("/etc/teleport.d/conf", exists=True)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (47 * 3600, "47 h"), (72 * 3600 + 5, "3 days")],
)
def test_issue_15_terminal_4_durations_have_one_unit(seconds: float, said: str) -> None:
    assert status_sentence.short(seconds) == said


def test_issue_15_terminal_4_each_finding_of_status_has_something_to_do_next() -> None:
    """Each error and warning of a check is made with a remedy."""
    without = []
    for path in sorted(Path(checks.__file__ or "").parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                is_note = isinstance(node.args[0], ast.Name) and node.args[0].id == "NOTE"
                remedy = [*node.args[4:], *(each.value for each in node.keywords if each.arg == "remedy")]
                if not is_note and (not remedy or (isinstance(remedy[0], ast.Constant) and not remedy[0].value)):
                    without.append(f"{path.name}:{node.lineno}")
    assert without == []
