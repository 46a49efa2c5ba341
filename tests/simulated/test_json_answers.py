"""What --format json prints: values in one shape, for every command, also where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import answers
from tests.simulated.agent import GUIDE, TOKEN, Agent
from tests.simulated_ec2 import imds as emulator

MORE = f'{GUIDE}\nTELEPORT_SSH_LABELS="env: prod"\n'


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    """The guide's instance, applied as generation 1."""
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.install(version="18.2.0", edition="enterprise")
    agent.conf(GUIDE)
    return agent


def test_issue_20_row_9_a_dry_run_says_proposed(agent: Agent) -> None:
    assert agent.generate().status == 0
    agent.conf(MORE)
    done = agent.run("reconfigure", "--dry-run", "--format", "json", "--wait", "20")
    assert done.status == 0, done.errors
    assert (done.data["result"], done.data["generation"], done.data["changed"]) == ("proposed", 1, [])
    done = agent.run("reconfigure", "--yes", "--format", "json", "--wait", "20")
    assert (done.data["result"], done.data["generation"]) == ("applied", 2)
    assert done.data["health"] == "not-checked" and done.data["pending"] == []


def sentences(value: Any, path: str = "") -> Iterator[str]:
    """The paths of texts in `value` that hold several values, as `a, b` or `a (b)` do."""
    if isinstance(value, dict):
        for key, each in value.items():
            # These are for people.
            if key not in ("message", "remedy", "detail", "reason", "findings", "made_by") and "because" not in key:
                yield from sentences(each, f"{path}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from sentences(each, f"{path}[]")
    elif isinstance(value, str) and any(mark in value for mark in (", ", " (", "; ", ": ")):
        yield f"{path}: {value}"


def test_issue_20_row_9_status_has_values_and_no_sentences(agent: Agent) -> None:
    assert agent.generate().status == 0
    agent.conf(MORE)
    found = agent.run("status", "--format", "json").data
    assert list(sentences({"timers": {"a.timer": "enabled, active"}, "teleport": "18.2 (enterprise FIPS)"})) != []
    assert list(sentences(found)) == []
    assert found["teleport"] == {"version": "18.2.0", "edition": "enterprise", "fips": False}
    assert found["conf"] == {"state": "valid", "not_followed_because": None}
    assert found["applied"]["generation"] == 1 and found["restore"] is None
    assert [each["code"] for each in found["findings"] if each["severity"] == "warning"] == ["conf-edited"]
    assert not {"trouble", "drift", "notes", "unit_state", "awaited", "held", "ready"} & set(found)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("variables", "NO_SUCH"), "usage"),
        (("no-such-command",), "usage"),
        (("backup", "verify", "/no/such.tar.gz"), "backup-missing"),
        (("backup", "list", "/no/such"), "backup-missing"),
        (("restore", "/no/such.tar.gz"), "backup-missing"),
        (("restore", "--undo"), "undo-missing"),
        (("rollback", "99"), "usage"),
        (("reconfigure",), "confirmation-needed"),
        (("collect-logs", "--output", "/etc/passwd"), "usage"),
        (("publish-tokens",), "tctl-failed"),
        (("render", "--conf", "/no/such"), "usage"),
        (("seal",), "image-not-sealed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_issue_20_row_9_the_remedy_of_each_failure_is_in_one_field(
    agent: Agent, arguments: tuple[str, ...], code: str
) -> None:
    assert agent.generate().status == 0
    agent.conf(MORE)
    done = agent.run(*arguments, "--format", "json")
    error = done.data["error"]
    assert (error["code"], error["severity"]) == (code, "error"), done.said
    assert error["remedy"] and error["remedy"] in done.errors
    assert error["remedy"] not in error["message"]


def test_issue_20_row_9_what_is_said_beside_a_result_is_among_its_findings(agent: Agent) -> None:
    """An assignment without effect is a warning of each command that reads the conf."""
    agent.conf(f"{GUIDE}DEBUG=false\nDEBUG=true\n")
    found = {}
    for command in ("validate", "render", "plan", "generate"):
        done = agent.run(command, "--format", "json", *([] if command == "validate" else ["--wait", "20"]))
        warnings = answers.found(done.data, "warning")
        found[command] = [(each["code"], each["line"]) for each in warnings if each["subject"] == "DEBUG"]
    assert len(found["validate"]) == 1
    assert {command: rows == found["validate"] for command, rows in found.items()} == dict.fromkeys(found, True)


def test_issue_20_row_9_a_note_keeps_its_place(agent: Agent) -> None:
    agent.conf(f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=p.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
               "TELEPORT_AGENT_SSH_ENABLED=true\nTELEPORT_LICENSE_PATH=/a\n")  # fmt: skip
    done = agent.run("plan", "--format", "json", "--wait", "20")
    notes = [each for each in done.data["findings"] if each["line"] == 5]
    assert notes and all(each["file"].endswith("/etc/teleport.d/conf") and each["code"] for each in notes), done.said
    assert all(each["file"] not in each["message"] for each in notes)
