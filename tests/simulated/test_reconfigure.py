"""reconfigure: what it shows, whom it asks, and what it leaves alone; the real command in a scratch root."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from teleport_bootstrap.change import directory_swap, journal
from tests.simulated.agent import (
    GUIDE,
    TOKEN,
    Agent,
    Ended,
    leftovers,
    needs_root,
    shows_no_secret,
    tree,
)
from tests.simulated_ec2 import imds as emulator

MORE = GUIDE + '\nTELEPORT_SSH_LABELS="env: prod"\n'
AGENT = (
    f"# the token is {TOKEN}\nTELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\n"
    f"TELEPORT_JOIN_TOKEN={TOKEN}\nTELEPORT_AGENT_SSH_ENABLED=true\n"
)


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    """The guide's instance, applied as generation 1."""
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    return agent


def reconfigure(agent: Agent, *arguments: str) -> Ended:
    return agent.run("reconfigure", "--wait", "20", *arguments)


def at_terminal(agent: Agent, *arguments: str, answers: str) -> tuple[int, str]:
    """Run the command on a terminal, type `answers` as it asks, and return its status and what was shown there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        agent.command(*arguments), env=agent.environment(), cwd=agent.root, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown, waiting, end = b"", list(answers), time.monotonic() + 60
    while time.monotonic() < end:
        readable, _, _ = select.select([ours], [], [], 1.0)
        try:
            shown += os.read(ours, 65536) if readable else b""
        except OSError:  # the other end is closed
            break
        if waiting and shown.endswith(b"[y/N] "):
            os.write(ours, waiting.pop(0).encode() + b"\n")
    os.close(ours)
    return process.wait(timeout=30), shown.decode()


# ---------------------------------------------------------------- what it shows


def test_a_change_is_shown_applied_and_kept_as_a_generation(agent: Agent) -> None:
    agent.conf(MORE)
    done = reconfigure(agent, "--yes")
    assert done.status == 0, done.errors
    assert "+    env: prod" in done.output and "reload teleport-acm.service" in done.output
    assert "generation 2 is applied" in done.output
    assert yaml.safe_load(agent.teleport_yaml.read_text())["ssh_service"]["labels"] == {"env": "prod"}
    state = json.loads(agent.path("/var/lib/teleport-bootstrap/current.json").read_text())
    assert (state["generation"], state["confirmed"]) == (2, True)
    assert leftovers(agent.root) == []


def test_dry_run_shows_the_same_and_touches_nothing(agent: Agent) -> None:
    agent.conf(MORE)
    before = tree(agent.root)
    done = reconfigure(agent, "--dry-run")
    assert done.status == 0
    assert "+    env: prod" in done.output and "nothing was changed" in done.output
    data = reconfigure(agent, "--dry-run", "--yes", "--format", "json").data
    assert data["result"] == "proposed"
    assert [each["path"] for each in data["proposal"]["differences"]] == ["/etc/teleport.yaml"]
    assert data["proposal"]["action"] == "reload"
    assert tree(agent.root) == before


def test_nothing_changed_touches_nothing(agent: Agent) -> None:
    before = tree(agent.root)
    for arguments in ((), ("--yes",), ("--dry-run",)):
        done = reconfigure(agent, *arguments)
        assert done.status == 0 and "nothing has changed" in done.output
        assert tree(agent.root) == before


def test_changes_nothing_if_teleport_would_read_the_same(agent: Agent) -> None:
    agent.conf(f"# another comment\n{GUIDE}")
    before = tree(agent.root)
    assert "nothing has changed" in reconfigure(agent, "--yes").output
    assert tree(agent.root) == before


def test_another_role_is_a_restart_and_moves_markers_and_the_like(agent: Agent) -> None:
    agent.conf(AGENT)
    done = reconfigure(agent, "--yes", "--format", "json")
    assert done.status == 0, done.errors
    assert done.data["proposal"]["action"] == "restart"
    assert sorted(os.listdir(agent.path("/etc/teleport.d"))) == ["conf", "role.agent"]
    assert agent.path("/var/lib/teleport-bootstrap/unit.env").read_text() == "TELEPORT_START_FLAGS=\n"
    assert agent.path("/var/lib/teleport/token").read_text() == f"{TOKEN}\n"


def test_a_token_is_in_its_file_and_the_conf_and_nowhere_else(agent: Agent) -> None:
    agent.conf(AGENT)
    for arguments in (("--dry-run",), (), ("--yes", "--log-level", "debug"), ("--format", "json")):
        shows_no_secret(reconfigure(agent, *arguments))
    agent.conf(AGENT.replace(TOKEN, "another-token-5512"))
    done = reconfigure(agent, "--yes", "--format", "json")
    assert done.data["proposal"]["secrets"] == ["/var/lib/teleport/token"]
    shows_no_secret(done)
    for command in ("history", "status"):
        shows_no_secret(agent.run(command, "--format", "json"))
    for planted, places in (("another-token-5512", ["etc/teleport.d/conf", "var/lib/teleport/token"]), (TOKEN, [])):
        holding = [name for name, entry in tree(agent.root).items() if planted.encode() in (entry.content or b"")]
        assert sorted(holding) == places


def test_a_secret_that_changes_alone_is_named_and_not_shown(agent: Agent) -> None:
    agent.conf(AGENT)
    assert reconfigure(agent, "--yes").status == 0
    agent.conf(AGENT.replace(f"TOKEN={TOKEN}", "TOKEN=another-token-5512"))
    done = reconfigure(agent, "--dry-run")
    assert "/var/lib/teleport/token: a new secret (not shown)" in done.output
    assert "another-token" not in done.said


def test_masks_a_token_in_an_edited_teleport_yaml_in_the_difference(agent: Agent) -> None:
    text = agent.teleport_yaml.read_text()
    agent.teleport_yaml.write_text(text.replace("teleport:\n", f"teleport:\n  auth_token: {TOKEN}\n", 1))
    for command in (("reconfigure", "--yes"), ("reconfigure", "--dry-run", "--discard-edits"), ("adopt",)):
        done = agent.run(*command)
        assert "auth_token: ****" in done.said, command
        shows_no_secret(done)


# ---------------------------------------------------------------- confirmation


def test_without_a_terminal_and_without_yes_it_ends_with_a_status_of_its_own(agent: Agent) -> None:
    agent.conf(MORE)
    before = tree(agent.root)
    for arguments in ((), ("--format", "json"), ("--discard-edits",), ("--reset-data",)):
        done = reconfigure(agent, *arguments)
        assert done.status == 11 and "--yes" in done.errors, arguments
        assert tree(agent.root) == before


@pytest.mark.parametrize("answer", ["n", "", "yess", "Y no"])
def test_whatever_is_not_yes_is_no(agent: Agent, answer: str) -> None:
    agent.conf(MORE)
    before = tree(agent.root)
    status, shown = at_terminal(agent, "reconfigure", answers=[answer])
    assert (status, tree(agent.root)) == (0, before), shown
    assert "env: prod" in shown and "Apply this? [y/N]" in shown and "nothing was changed" in shown


def test_yes_applies(agent: Agent) -> None:
    agent.conf(MORE)
    status, shown = at_terminal(agent, "reconfigure", answers=["y"])
    assert status == 0 and "generation 2 is applied" in shown
    assert "env: prod" in agent.teleport_yaml.read_text()
    status, shown = at_terminal(agent, "rollback", answers=["n"])
    assert status == 0 and "Return to generation 1?" in shown and "nothing was changed" in shown
    assert "env: prod" in agent.teleport_yaml.read_text()
    status, shown = at_terminal(agent, "rollback", answers=["yes"])
    assert status == 0 and "env: prod" not in agent.teleport_yaml.read_text()


def test_json_never_asks_not_even_at_a_terminal(agent: Agent) -> None:
    agent.conf(MORE)
    status, shown = at_terminal(agent, "reconfigure", "--format", "json", answers=["y"])
    assert status == 11 and "[y/N]" not in shown


# ---------------------------------------------------------------- dangers

STATEFUL = "USE_ACM=true\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_DOMAIN_NAME=a.example.com\n"
ON_DYNAMODB = STATEFUL + (
    "USE_DYNAMODB=true\nEC2_REGION=us-east-1\nTELEPORT_DYNAMO_TABLE_NAME=cluster-1\n"
    "TELEPORT_DYNAMO_EVENTS_TABLE_NAME=cluster-1-events\nTELEPORT_S3_BUCKET=recordings\n"
    "TELEPORT_LOCKS_TABLE_NAME=cluster-1-locks\n"
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (STATEFUL.replace("cluster-1", "cluster-2"), ["auth_service.cluster_name", "cluster-1", "cluster-2"]),
        (STATEFUL.replace("a.example", "b.example"), ["webauthn.rp_id", "proxy_service.public_addr", "b.example.com"]),
        (
            ON_DYNAMODB,
            ["teleport.storage.type", "dynamodb"],
        ),
        (
            STATEFUL.replace("USE_ACM=true\n", ""),
            ["proxy_service.web_listen_addr moves from port 3080 to 443"],
        ),
        (
            STATEFUL + "TELEPORT_WEB_LISTEN_PORT=8443\n",
            ["proxy_service.web_listen_addr moves from port 3080 to 8443"],
        ),
    ],
    ids=["cluster name", "domain", "storage", "an all-in-one's web port", "the conf's web port"],
)
def test_a_change_of_identity_or_of_a_public_port_is_named_where_there_is_state_and_only_there(
    agent: Agent, text: str, named: list[str]
) -> None:
    agent.conf(STATEFUL)
    assert reconfigure(agent, "--yes", "--discard-edits").status == 0
    agent.conf(text)
    done = reconfigure(agent, "--dry-run")
    assert done.status == 0, done.errors
    assert "DANGER" not in done.output
    agent.write("/var/lib/teleport/host_uuid", "0000\n")
    dangers = [line for line in reconfigure(agent, "--dry-run").output.splitlines() if line.startswith("DANGER")]
    for word in named:
        assert any(word in line for line in dangers), (word, dangers)


def test_a_harmless_change_is_not_called_a_danger(agent: Agent) -> None:
    agent.write("/var/lib/teleport/host_uuid", "0000\n")
    agent.conf(MORE)
    assert "DANGER" not in reconfigure(agent, "--dry-run").output


def test_reset_data_sets_the_data_aside_and_says_where(agent: Agent) -> None:
    agent.write("/var/lib/teleport/host_uuid", "0000\n")
    done = reconfigure(agent, "--reset-data", "--dry-run")
    assert "DANGER: Teleport's data directory is moved aside" in done.output
    assert agent.path("/var/lib/teleport/host_uuid").exists()
    done = reconfigure(agent, "--reset-data", "--yes")
    assert done.status == 0, done.errors
    (aside,) = agent.path("/var/lib").glob("teleport.reset-*")
    assert (aside / "host_uuid").read_text() == "0000\n" and str(aside) in done.output
    assert os.listdir(agent.path("/var/lib/teleport")) == []
    assert not agent.path("/var/lib/teleport-bootstrap/change.json").exists()


def test_reset_data_asks_twice(agent: Agent) -> None:
    agent.write("/var/lib/teleport/host_uuid", "0000\n")
    before = tree(agent.root)
    status, shown = at_terminal(agent, "reconfigure", "--reset-data", answers=["y", "n"])
    assert (status, shown.count("[y/N]"), tree(agent.root)) == (0, 2, before)
    status, shown = at_terminal(agent, "reconfigure", "--reset-data", answers=["y", "y"])
    assert (status, shown.count("[y/N]")) == (0, 2)
    assert not agent.path("/var/lib/teleport/host_uuid").exists()


def test_data_that_a_killed_run_set_aside_comes_back(agent: Agent) -> None:
    agent.write("/var/lib/teleport/host_uuid", "0000\n")
    before = tree(agent.root)
    aside = "/var/lib/teleport.reset-20260101T000000Z"
    agent.path("/var/lib/teleport").rename(agent.path(aside))
    swap = directory_swap.Swap("/var/lib/teleport", None, aside, had=True)
    note = journal.FILE.content(journal.Journal(committed=False, swaps=(swap,)))
    agent.write("/var/lib/teleport-bootstrap/change.json", note.decode(), 0o600)
    assert agent.generate().status == 0
    assert tree(agent.root) == before


def test_with_dynamodb_it_says_what_a_reset_does_not_do(agent: Agent) -> None:
    agent.conf(ON_DYNAMODB)
    assert "does not reset the cluster" in reconfigure(agent, "--dry-run", "--reset-data").output


# ---------------------------------------------------------------- manual edits


def edit(agent: Agent, old: str = "severity: INFO", new: str = "severity: DEBUG") -> None:
    text = agent.teleport_yaml.read_text()
    assert old in text
    agent.teleport_yaml.write_text(text.replace(old, new))


@pytest.mark.parametrize("arguments", [("reconfigure", "--yes"), ("reconfigure", "--dry-run"), ("rollback", "--yes")])
def test_shows_a_manual_edit_and_does_not_overwrite_it(agent: Agent, arguments: tuple[str, ...]) -> None:
    agent.conf(MORE)
    assert reconfigure(agent, "--yes").status == 0
    agent.conf(GUIDE)
    edit(agent)
    before = tree(agent.root)
    done = agent.run(*arguments)
    assert done.status == 12
    assert "+    severity: DEBUG" in done.errors and "adopt" in done.errors and "--discard-edits" in done.errors
    assert tree(agent.root) == before


@pytest.mark.parametrize("command", ["reconfigure", "rollback"])
def test_overwrites_a_manual_edit_if_asked_to(agent: Agent, command: str) -> None:
    agent.conf(MORE)
    assert reconfigure(agent, "--yes").status == 0
    edit(agent)
    done = agent.run(command, "--yes", "--discard-edits", "--wait", "20")
    assert done.status == 0, done.errors
    assert "severity: INFO" in agent.teleport_yaml.read_text()


def test_a_link_in_place_of_teleport_yaml_is_a_manual_edit_too(agent: Agent, tmp_path: Path) -> None:
    agent.teleport_yaml.rename(tmp_path / "mine.yaml")
    agent.teleport_yaml.symlink_to(tmp_path / "mine.yaml")
    done = reconfigure(agent, "--yes")
    assert done.status == 12 and "is not a regular file" in done.errors
    assert agent.teleport_yaml.is_symlink()


def test_applies_a_conf_that_says_the_same_as_a_manual_edit(agent: Agent) -> None:
    agent.conf(MORE)
    edit(agent, "ssh_service:\n", "ssh_service:\n  labels: {env: prod}\n")
    assert reconfigure(agent, "--yes").status == 0
    assert yaml.safe_load(agent.teleport_yaml.read_text())["ssh_service"]["labels"] == {"env": "prod"}
    assert "nothing has changed" in reconfigure(agent).output


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("damage", "status", "words"),
    [
        ("current.json", 6, ["current.json is damaged", "rollback N"]),
        ("change.json", 6, ["change.json is damaged", "remove change.json"]),
    ],
)
def test_reports_a_damaged_record(agent: Agent, damage: str, status: int, words: list[str]) -> None:
    agent.conf(MORE)
    for text in ("", "[]", '{"generation": "x"}'):
        path = agent.write(f"/var/lib/teleport-bootstrap/{damage}", text, 0o600)
        before = tree(agent.root)
        done = reconfigure(agent, "--yes")
        assert done.status == status, (text, done.errors)
        assert "Traceback" not in done.errors and "internal error" not in done.errors
        for word in words:
            assert word in done.errors, text
        assert tree(agent.root) == before
    path.unlink()


def test_a_conf_that_cannot_be_applied_changes_nothing(agent: Agent) -> None:
    agent.conf("TELEPORT_ROLE=prxy\n")
    before = tree(agent.root)
    assert reconfigure(agent, "--yes").status == 2
    agent.path("/etc/teleport.d/conf").unlink()
    assert reconfigure(agent, "--yes").status == 2
    agent.conf(MORE)
    agent.install(version="17.5.1", refuse="the stars are wrong")
    done = reconfigure(agent, "--yes")
    assert done.status == 5 and "the stars are wrong" in done.errors
    shutil.rmtree(agent.path("/usr"))
    agent.conf(GUIDE)
    assert set(tree(agent.root)) == set(before)
    assert agent.run("history", "--format", "json").data["generations"][0]["generation"] == 1


@needs_root
@pytest.mark.parametrize("command", ["reconfigure", "rollback"])
@pytest.mark.parametrize("place", ["/etc", "/var/lib/teleport-bootstrap"])
def test_reports_a_read_only_directory_and_loses_nothing(agent: Agent, command: str, place: str) -> None:
    agent.conf(MORE)
    if command == "rollback":
        assert reconfigure(agent, "--yes").status == 0
    before = {name: entry.content for name, entry in tree(agent.root).items()}
    mounted = agent.path(place)
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(mounted), *agent.command(command, "--yes")],
        env=agent.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6, done.stderr
    assert "Read-only file system" in done.stderr and str(mounted) in done.stderr
    assert {name: entry.content for name, entry in tree(agent.root).items()} == before


def test_two_at_once_both_succeed_and_make_one_generation(agent: Agent) -> None:
    agent.conf(MORE)
    running = [agent.start("reconfigure", "--yes", "--format", "json", "--wait", "30") for _ in range(2)]
    results = []
    for process in running:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        results.append(json.loads(output)["result"])
    assert sorted(results) == ["applied", "unchanged"]
    assert agent.run("history", "--format", "json").data["generations"][0]["generation"] == 2


def test_a_label_command_does_not_take_the_journal_of_a_change_away(agent: Agent) -> None:
    note = agent.write("/var/lib/teleport-bootstrap/change.json", '{"changes": []}', 0o600)
    agent.path("/var/lib/teleport-bootstrap/metadata.json").unlink()
    done = agent.run("metadata", "local-ipv4")
    assert done.status == 0 and agent.path("/var/lib/teleport-bootstrap/metadata.json").exists()
    assert note.read_text() == '{"changes": []}'
