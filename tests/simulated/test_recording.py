"""Who did what: one line in the journal for each command that changes a host, and the history of this host."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from teleport_bootstrap.cli import recording
from tests.simulated import auth_server, kill_sweep, restoring
from tests.simulated.agent import CHECKOUT, GUIDE, PIN, TOKEN, Agent, Ended, needs_strace, tree
from tests.simulated.auth_server import AuthServer
from tests.simulated.journal_socket import Journal
from tests.simulated.test_reconfigure import at_terminal
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

STATE = "/var/lib/teleport-bootstrap"
WHO = "alice with sudo"


def labelled(value: str) -> str:
    return f'{GUIDE}\nTELEPORT_SSH_LABELS="env: {value}"\n'


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url, environ={"SUDO_USER": "alice"})
    agent.conf(GUIDE)
    return agent


@pytest.fixture
def journal(agent: Agent) -> Iterator[Journal]:
    made = Journal(agent.root)
    yield made
    made.close()


def run(agent: Agent, *command: str, status: int = 0) -> Ended:
    done = agent.run(*command, "--wait", "10")
    assert done.status == status, done.said
    return done


def events(agent: Agent) -> list[dict[str, object]]:
    found: list[dict[str, object]] = agent.run("history", "--format", "json").data["events"]
    return found


def edit(agent: Agent) -> None:
    text = agent.teleport_yaml.read_text()
    agent.teleport_yaml.write_text(text.replace("severity: INFO", "severity: WARN"))


def test_issue_15_row_7_each_change_leaves_one_line_with_who_what_and_result(agent: Agent, journal: Journal) -> None:
    quiet = ("--log-level", "error")
    run(agent, "generate", *quiet)
    entry = journal.one()
    assert entry["TELEPORT_BOOTSTRAP_COMMAND"] == "generate" and entry["TELEPORT_BOOTSTRAP_WHO"] == WHO
    assert entry["TELEPORT_BOOTSTRAP_RESULT"] == "done" and entry["TELEPORT_BOOTSTRAP_GENERATION"] == "1"
    assert entry["MESSAGE"].startswith(f"generate by {WHO}: wrote ")

    agent.conf(labelled("two"))
    for dry in (("reconfigure", "--dry-run"), ("generate",), ("plan",)):
        run(agent, *dry)
    assert agent.run("reconfigure").status == 11
    for printing in ("status", "history", "validate"):
        agent.run(printing)
    assert journal.entries() == [], "nothing was changed"

    run(agent, "reconfigure", "--yes", *quiet)
    entry = journal.one()
    assert entry["MESSAGE"] == f"reconfigure by {WHO}: generation 2 is applied (it was generation 1)"
    assert (entry["TELEPORT_BOOTSTRAP_GENERATION"], entry["TELEPORT_BOOTSTRAP_GENERATION_BEFORE"]) == ("2", "1")
    run(agent, "reconfigure", "--yes")
    assert journal.entries() == []

    run(agent, "rollback", "--yes", "--format", "json")
    assert journal.one()["MESSAGE"] == f"rollback by {WHO}: generation 1 is applied (it was generation 2)"
    edit(agent)
    run(agent, "adopt")
    assert "90-adopted.yaml from a manual edit" in journal.one()["MESSAGE"]
    run(agent, "reconfigure", "--yes", "--reset-data", "--discard-edits")
    entry = journal.one()
    assert entry["TELEPORT_BOOTSTRAP_COMMAND"] == "reconfigure --reset-data --discard-edits"
    assert "with an empty data directory" in entry["MESSAGE"]


def test_issue_15_row_7_a_failure_and_an_interrupted_command_leave_one_line_too(agent: Agent, journal: Journal) -> None:
    run(agent, "generate")
    journal.entries()
    agent.install(version="17.5.1", refuse="no")
    agent.conf(labelled("two"))
    run(agent, "reconfigure", "--yes", status=5)
    entry = journal.one()
    assert entry["TELEPORT_BOOTSTRAP_RESULT"] == "failed" and entry["TELEPORT_BOOTSTRAP_EXIT_STATUS"] == "5"
    assert f"reconfigure by {WHO}: failed, exit status 5: " in entry["MESSAGE"] and entry["PRIORITY"] == "4"
    run(agent, "fetch-secrets", "--no-such-option", status=2)
    assert journal.entries() == []

    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        agent.imds = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = agent.start("reconfigure", "--yes", "--wait", "60")
        # It waits for an answer of the metadata service.
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert journal.one()["TELEPORT_BOOTSTRAP_RESULT"] == "interrupted"

    # A backup that waits for another command.
    lock = str(agent.path(f"{STATE}/lock"))
    with subprocess.Popen([sys.executable, "-c", HOLD, lock], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        process = agent.start("backup", "create", "/never/", "--stop", "--wait", "60")
        wait_until(lambda: handles(process.pid, signal.SIGTERM), process)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        holder.kill()
    assert process.returncode == 143, said
    assert journal.one()["TELEPORT_BOOTSTRAP_RESULT"] == "interrupted"
    assert [each["command"] for each in events(agent)] == ["reconfigure", "generate"]


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def handles(process_id: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{process_id}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1]
    return bool(int(caught, 16) & 1 << (number - 1))


FILL = """
import socket, sys
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.setblocking(False)
try:
    while True:
        sender.sendto(b"x", sys.argv[1])
except BlockingIOError:
    pass
"""
HOLD = "import fcntl,sys,time; f=open(sys.argv[1],'w'); fcntl.flock(f,2); print('held',flush=True); time.sleep(60)"


def test_issue_15_row_7_backups_restores_and_their_undoing(
    agent: Agent, journal: Journal, tmp_path: Path, imds: emulator.Server
) -> None:
    run(agent, "generate")
    restoring.database(agent.path("/var/lib/teleport/backend/sqlite.db"), "a")
    run(agent, "backup", f"{tmp_path}/archives/", "--without-tables")
    assert "backup create by " in journal.entries()[-1]["MESSAGE"]
    for command, what in (
        (("restore", f"{tmp_path}/archives/", "--yes", "--force"), "restored "),
        (("restore", "--undo", "--yes"), "undid the restore of "),
        (("restore", "--discard-undo", "--yes"), "deleted the state from before "),
    ):
        run(agent, *command)
        assert what in journal.one()["MESSAGE"]
    shown = [(each["command"], each["result"], each["who"]) for each in events(agent)]
    commands = ("restore --discard-undo", "restore --undo", "restore --force", "generate")
    assert shown == [(each, "done", WHO) for each in commands]


def test_issue_15_row_7_published_tokens_and_fetched_secrets(tmp_path: Path, imds: emulator.Server, aws: Aws) -> None:
    auth_server.make_table(aws)
    root = tmp_path / "auth"
    (root / "etc/teleport.d").mkdir(parents=True)
    server = AuthServer(Agent(root, imds=imds.url, aws=aws.url), aws).prepare()
    journal = Journal(root)
    assert server.agent.run("publish-tokens", "--wait", "60").status == 0
    assert "published /teleport/cluster-1/tokens/node" in journal.one()["MESSAGE"]
    journal.close()
    secret = server.values()["/teleport/cluster-1/tokens/node"]

    agent = Agent(tmp_path / "node", imds=imds.url, aws=aws.url)
    agent.conf("TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n")
    assert agent.run("generate", "--wait", "60").status == 0
    agent.path("/var/lib/teleport/token").unlink()
    journal = Journal(agent.root)
    assert agent.run("fetch-secrets", "--wait", "60").status == 0
    entry = journal.one()
    assert "token" in entry["MESSAGE"] and secret not in json.dumps(entry)
    assert agent.run("fetch-secrets", "--wait", "60").status == 0
    assert journal.entries() == []
    journal.close()


def test_issue_15_row_7_on_a_terminal_and_without_a_journal(agent: Agent, journal: Journal) -> None:
    run(agent, "generate")
    agent.conf(labelled("two"))
    journal.entries()
    status, _ = at_terminal(agent, "reconfigure", answers="y")
    assert status == 0 and "generation 2 is applied" in journal.one()["MESSAGE"]
    journal.close()
    agent.path("/run/systemd/journal/socket").unlink()
    run(agent, "rollback", "--yes")
    assert [each["command"] for each in events(agent)] == ["rollback", "reconfigure", "generate"]


def test_issue_15_row_7_a_journal_that_takes_nothing_is_not_waited_for(agent: Agent, journal: Journal) -> None:
    run(agent, "generate")
    # Its queue is full, since no one reads.
    subprocess.run([sys.executable, "-c", FILL, "socket"], cwd=agent.path("/run/systemd/journal"), check=True)
    agent.conf(labelled("two"))
    begun = time.monotonic()
    run(agent, "reconfigure", "--yes")
    assert time.monotonic() - begun < 60


def test_issue_15_row_7_the_bundle_has_what_was_done(agent: Agent, journal: Journal, tmp_path: Path) -> None:
    run(agent, "generate")
    bundle = tmp_path / "bundle.tar.gz"
    assert agent.run("collect-logs", "--output", str(bundle)).status == 0
    with tarfile.open(bundle) as archive:
        name = next(each for each in archive.getnames() if each.endswith("/events.json"))
        member = archive.extractfile(name)
        assert member is not None
        assert [each["command"] for each in json.load(member)] == ["generate"]


@pytest.mark.parametrize("damage", ["", "{", "[1]", '[{"ended_at": 1}]'])
def test_issue_15_row_6_a_damaged_record_stops_no_change(agent: Agent, damage: str) -> None:
    run(agent, "generate")
    agent.write(f"{STATE}/events/events.json", damage, 0o600)
    agent.conf(labelled("two"))
    run(agent, "reconfigure", "--yes")
    assert [each["command"] for each in events(agent)] == ["reconfigure"]


def test_issue_15_row_6_the_record_is_bounded_and_holds_no_secret(agent: Agent) -> None:
    run(agent, "generate")
    one = json.loads(agent.path(f"{STATE}/events/events.json").read_text())[0]
    agent.write(f"{STATE}/events/events.json", json.dumps([one] * 500), 0o600)
    agent.conf(
        f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
        "TELEPORT_AGENT_SSH_ENABLED=true\n"
    )
    run(agent, "reconfigure", "--yes")
    text = agent.path(f"{STATE}/events/events.json").read_text()
    assert len(json.loads(text)) == 200 and TOKEN not in text and PIN not in text
    assert agent.path(f"{STATE}/events/events.json").stat().st_mode & 0o777 == 0o600


def test_issue_15_row_6_a_record_that_cannot_be_written_stops_no_change(agent: Agent) -> None:
    run(agent, "generate")
    shutil.rmtree(agent.path(f"{STATE}/events"))
    agent.path(f"{STATE}/events").touch()
    agent.conf(labelled("two"))
    done = run(agent, "reconfigure", "--yes")
    assert "not in the history" in done.errors and "generation 2 is applied" in done.output


def test_issue_15_row_6_history_shows_what_was_done_and_how_generations_differ(agent: Agent) -> None:
    run(agent, "generate")
    for value in ("two", "three"):
        agent.conf(labelled(value))
        run(agent, "reconfigure", "--yes")
    run(agent, "rollback", "1", "--yes")
    shown = agent.run("history").output
    assert f"rollback by {WHO}: generation 1 is applied (it was generation 3)" in shown
    rollback = events(agent)[0]
    assert (rollback["command"], rollback["generation_before"], rollback["generation"]) == ("rollback", 3, 1)

    before = tree(agent.root)
    third = agent.run("history", "--diff", "3")
    assert third.output.startswith("generation 3 compared with generation 2:")
    assert "-    env: two" in third.output and "+    env: three" in third.output
    back = agent.run("history", "--diff", "3..1", "--format", "json").data
    assert (back["generation"], back["before"]) == (1, 3)
    assert [each["path"] for each in back["differences"]] == ["/etc/teleport.yaml"]
    assert "compared with nothing" in agent.run("history", "--diff", "1").output
    assert "the files are the same" in agent.run("history", "--diff", "2..2").output
    assert agent.run("history", "--diff", "9").status == agent.run("history", "--diff", "x").status == 2
    assert tree(agent.root) == before


@needs_strace
def test_issue_15_row_6_what_a_killed_command_left_is_in_the_history_when_it_is_undone(agent: Agent) -> None:
    run(agent, "generate")
    before = agent.teleport_yaml.read_text()
    agent.conf(labelled("two"))
    prepared = kill_sweep.Prepared(agent, "reconfigure", "--yes", "--wait", "20")
    (last,) = [each for each in prepared.points if each.name == "renameat" and '"teleport.yaml"' in each.arguments]
    # The journal of the change is there, and other files are swapped.
    prepared.kill_at(last)
    for is_writable in (False, True):
        prepared.reset(prepared.killed)
        if not is_writable:
            shutil.rmtree(agent.path(f"{STATE}/events"))
            agent.path(f"{STATE}/events").touch()
        done = agent.run("adopt", "--wait", "20")
        assert "interrupted and its change undone" in done.errors
        assert agent.teleport_yaml.read_text() == before and kill_sweep.leftovers(agent.root) == []
        assert ("this is not in the history" in done.errors) is not is_writable
    assert [each["command"] for each in events(agent)] == ["recovery", "generate"]


def test_issue_15_row_6_a_resumed_change_says_so(agent: Agent) -> None:
    run(agent, "generate")
    record = json.loads(agent.path(f"{STATE}/current.json").read_text())
    agent.write(f"{STATE}/current.json", json.dumps({**record, "confirmed": False}), 0o600)
    done = run(agent, "reconfigure", "--yes")
    assert "an interrupted change was completed" in done.output
    assert "an interrupted change was completed: generation 1" in str(events(agent)[0]["what"])


@pytest.mark.parametrize("claimed", ["eve\nmallory", "$(eve)", "-eve", "eve" * 40, ""])
def test_issue_15_row_7_a_name_that_no_account_has_is_not_repeated(
    agent: Agent, journal: Journal, claimed: str
) -> None:
    agent.environ["SUDO_USER"] = claimed
    run(agent, "generate")
    entry = journal.one()
    assert "eve" not in json.dumps(entry) and entry["TELEPORT_BOOTSTRAP_WHO"]


def test_issue_15_row_7_the_docs_name_the_line(agent: Agent) -> None:
    assert f"MESSAGE_ID={recording.MESSAGE_ID} " in (CHECKOUT / "docs/reconfiguring.md").read_text()
