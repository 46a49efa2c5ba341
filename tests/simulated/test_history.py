"""history and rollback: what was applied, and the way back to it; the real command in a scratch root."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.simulated.agent import GUIDE, TOKEN, Agent, shows_no_secret, tree
from tests.simulated_ec2 import imds as emulator

AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)
STATE = "/var/lib/teleport-bootstrap"


def labelled(value: str) -> str:
    return f'{GUIDE}\nTELEPORT_SSH_LABELS="env: {value}"\n'


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    return agent


def apply(agent: Agent, text: str) -> None:
    agent.conf(text)
    done = agent.run("reconfigure", "--yes", "--wait", "20")
    assert done.status == 0, done.errors


def applied(agent: Agent) -> dict[str, tuple[int, object]]:
    """What Teleport, systemd and the AMI contract see: everything but our own records and the conf."""
    ours = ("var/lib/teleport-bootstrap/generations/", "var/lib/teleport-bootstrap/current.json", "etc/teleport.d/conf")
    return {name: (entry.mode, entry.content) for name, entry in tree(agent.root).items() if not name.startswith(ours)}


def numbers(agent: Agent) -> list[int]:
    return [each["generation"] for each in agent.run("history", "--format", "json").data["generations"]]


def test_history_lists_what_was_applied_the_newest_first(agent: Agent) -> None:
    apply(agent, AGENT)
    done = agent.run("history")
    listed = done.output.split("\n\n")[0]
    assert [line[:7].strip() for line in listed.splitlines()] == ["*    2", "1"]
    rows = agent.run("history", "--format", "json").data["generations"]
    assert [(row["generation"], row["current"], row["role"]) for row in rows] == [
        (2, True, "agent"),
        (1, False, "all-in-one"),
    ]
    assert rows[0]["made_by"].startswith("reconfigure by ") and rows[1]["made_by"].startswith("generate by ")
    for row in rows:
        assert len(row["teleport_yaml_sha256"]) == len(row["conf_sha256"]) == 64
        assert {"made_at", "unit", "teleport_version", "agent_version", "reason"} <= set(row)
    shows_no_secret(done)


def test_history_of_a_host_where_nothing_was_applied(tmp_path: Path) -> None:
    root = tmp_path / "new"
    root.mkdir()
    done = Agent(root).run("history")
    assert (done.status, done.output) == (0, "nothing has been applied yet\n")
    assert os.listdir(root) == []


def test_rollback_restores_every_file(agent: Agent) -> None:
    before = applied(agent)
    apply(agent, AGENT)
    changed = applied(agent)
    done = agent.run("rollback", "--yes", "--format", "json")
    assert done.status == 0, done.errors
    assert done.data["generation"] == 1
    # The token stays: nothing reads it, and no generation could bring it back.
    assert {**applied(agent), "var/lib/teleport/token": None} == {**before, "var/lib/teleport/token": None}
    assert agent.run("rollback", "2", "--yes").status == 0
    assert applied(agent) == changed
    # The conf is the one of that generation again: it is followed.
    assert json.loads(agent.path(f"{STATE}/current.json").read_text())["rejected_conf_sha256"] is None


def test_rollback_by_number_and_by_default(agent: Agent) -> None:
    for value in ("two", "three"):
        apply(agent, labelled(value))
    assert agent.run("rollback", "--yes").status == 0
    assert "env: two" in agent.teleport_yaml.read_text()
    assert agent.run("rollback", "--yes").status == 0
    assert "env:" not in agent.teleport_yaml.read_text()
    assert agent.run("rollback", "3", "--yes").status == 0
    assert "env: three" in agent.teleport_yaml.read_text()
    assert numbers(agent) == [3, 2, 1]


@pytest.mark.parametrize("number", ["99", "0", "-1"])
def test_issue_20_row_8_a_generation_that_is_not_kept_is_a_wrong_command_line(agent: Agent, number: str) -> None:
    before = tree(agent.root)
    done = agent.run("rollback", "--yes", "--", number)
    assert done.status == 2 and "these do: 1" in done.errors and "history" in done.errors
    assert tree(agent.root) == before


def test_there_is_nothing_before_the_first(agent: Agent) -> None:
    done = agent.run("rollback", "--yes")
    assert done.status == 6 and "no earlier generation" in done.errors


def test_without_a_terminal_rollback_wants_yes(agent: Agent) -> None:
    apply(agent, labelled("two"))
    before = tree(agent.root)
    for arguments in ((), ("--format", "json"), ("1",)):
        done = agent.run("rollback", *arguments)
        assert done.status == 11 and "--yes" in done.errors
    assert tree(agent.root) == before


# ---------------------------------------------------------------- the conf after it


def test_a_conf_that_was_rolled_back_is_not_followed_until_it_is_edited(agent: Agent) -> None:
    apply(agent, AGENT)
    assert agent.run("rollback", "--yes").status == 0
    before = tree(agent.root)
    done = agent.generate("--format", "json")
    assert done.status == 0, done.errors
    assert any("not followed" in note and "rolled back to generation 1" in note for note in done.notes)
    assert done.data["unit"] == "teleport-acm.service"
    assert tree(agent.root) == before
    # Neither does what fetches secrets follow it.
    fetched = agent.run("fetch-secrets", "--format", "json")
    assert fetched.status == 0 and tree(agent.root) == before, fetched.errors
    agent.conf(f"# edited\n{AGENT}")
    assert agent.generate("--format", "json").data["unit"] == "teleport.service"
    assert agent.path("/etc/teleport.d/role.agent").exists()


def test_the_guide_s_own_steps_still_work_after_a_rollback(agent: Agent) -> None:
    apply(agent, labelled("two"))
    wanted = agent.teleport_yaml.read_text()
    assert agent.run("rollback", "--yes").status == 0
    agent.teleport_yaml.unlink()
    assert agent.generate().status == 0
    assert agent.teleport_yaml.read_text() == wanted
    assert numbers(agent)[0] == 3
    assert json.loads(agent.path(f"{STATE}/current.json").read_text())["rejected_conf_sha256"] is None


def test_reconfigure_applies_a_rejected_conf_because_the_operator_asks_for_it(agent: Agent) -> None:
    apply(agent, labelled("two"))
    assert agent.run("rollback", "--yes").status == 0
    assert agent.run("reconfigure", "--yes").status == 0
    assert "env: two" in agent.teleport_yaml.read_text()


def test_rollback_needs_neither_metadata_nor_aws(agent: Agent) -> None:
    apply(agent, labelled("two"))
    agent.imds = "http://127.0.0.1:9"
    assert agent.run("rollback", "--yes", "--wait", "2").status == 0


# ---------------------------------------------------------------- how many, and damaged ones


def test_the_last_ten_are_kept_and_the_current_one_always(agent: Agent) -> None:
    apply(agent, labelled("n2"))
    for number in range(3, 12):  # as if it had been applied again and again
        kept = agent.path(f"{STATE}/generations/{number}")
        shutil.copytree(agent.path(f"{STATE}/generations/2"), kept)
        manifest = json.loads((kept / "manifest.json").read_text())
        (kept / "manifest.json").write_text(json.dumps({**manifest, "number": number}))
    agent.write(f"{STATE}/current.json", '{"generation": 11}', 0o600)
    apply(agent, labelled("n12"))
    assert numbers(agent) == list(range(12, 2, -1))
    assert agent.run("rollback", "3", "--yes").status == 0
    agent.conf(labelled("n13"))
    agent.teleport_yaml.unlink()
    # A generation is made, and the one that was current until then may go.
    assert agent.generate().status == 0
    assert numbers(agent) == list(range(13, 3, -1))
    assert sorted(os.listdir(agent.path(f"{STATE}/generations"))) == sorted(str(n) for n in range(4, 14))


def test_reports_a_damaged_generation_and_still_uses_the_others(agent: Agent) -> None:
    apply(agent, labelled("two"))
    apply(agent, labelled("three"))
    for text in ("", "{", "[]", '{"number": 2}'):
        agent.write(f"{STATE}/generations/2/manifest.json", text, 0o600)
        done = agent.run("rollback", "2", "--yes")
        assert done.status == 6 and "generation 2 cannot be read" in done.errors, text
        assert "manifest.json" in done.errors and "internal error" not in done.errors
        history = agent.run("history")
        assert history.status == 0 and "generation 2 cannot be read" in history.output
        rows = agent.run("history", "--format", "json").data["generations"]
        assert [(row["generation"], row["unreadable_because"] is not None) for row in rows] == [
            (3, False),
            (2, True),
            (1, False),
        ]
    assert agent.run("rollback", "1", "--yes").status == 0
    assert "env:" not in agent.teleport_yaml.read_text()


@pytest.mark.parametrize("damage", ["", "{", None], ids=["empty", "cut off", "gone"])
def test_where_the_current_generation_is_unknown_a_number_is_required(agent: Agent, damage: object) -> None:
    apply(agent, labelled("two"))
    record = agent.path(f"{STATE}/current.json")
    record.unlink() if damage is None else record.write_text(str(damage))
    assert agent.run("history").status == 0
    done = agent.run("rollback", "--yes")
    assert done.status == 6 and "unknown" in done.errors and "history" in done.errors
    # The boot goes on.
    assert agent.generate().status == 0
    assert agent.run("rollback", "1", "--yes").status == 0
    assert json.loads(record.read_text())["generation"] == 1
