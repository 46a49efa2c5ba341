"""The record of what was done, and the journal, in a bad state: no command fails or waits for it, and none lies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from teleport_bootstrap import paths
from teleport_bootstrap.state import events
from tests.simulated.agent import CHECKOUT, GUIDE, TOKEN, Agent
from tests.simulated_ec2 import imds as emulator

UNKNOWN = "it is unknown what was done on this host earlier"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url, environ={"SUDO_USER": "alice"})
    agent.conf(GUIDE)
    return agent


def bundle(agent: Agent, folder: Path) -> dict[str, str]:
    """Return the files of a new bundle, by their names in its directory."""
    path = folder / "bundle.tar.gz"
    assert agent.run("collect-logs", "--output", str(path)).status == 0
    found = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                found[member.name.partition("/")[2]] = file.read().decode()
    return found


def test_issue_15_row_6_every_command_works_with_a_named_pipe_in_place_of_the_record(
    agent: Agent, tmp_path: Path
) -> None:
    assert agent.generate().status == 0
    status = agent.run("status")
    record = agent.path(paths.EVENTS)
    record.unlink()
    os.mkfifo(record)

    shown = agent.run("history")
    assert shown.status == 0 and UNKNOWN in shown.output and "it is not a regular file but a named pipe" in shown.output
    answer = agent.run("history", "--format", "json")
    assert answer.status == 0 and answer.data["events"] == [] and UNKNOWN in "".join(answer.warnings)
    assert agent.run("status") == status
    parts = bundle(agent, tmp_path)
    assert not parts.get("events.json") and UNKNOWN in parts["MANIFEST.txt"]
    assert record.is_fifo()

    agent.conf(f'{GUIDE}\nTELEPORT_SSH_LABELS="env: two"\n')
    done = agent.run("reconfigure", "--yes", "--wait", "20")
    assert done.status == 0 and "generation 2 is applied" in done.output
    assert "unreadable-events.json" in done.errors
    answer = agent.run("history", "--format", "json")
    assert [each["command"] for each in answer.data["events"]] == ["reconfigure"] and not answer.warnings


def test_issue_15_row_7_what_was_put_into_the_record_forges_no_line_and_leaks_no_secret(
    agent: Agent, tmp_path: Path
) -> None:
    agent.conf(
        f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
        "TELEPORT_AGENT_SSH_ENABLED=true\n"
    )
    assert agent.generate().status == 0
    record = agent.path(paths.EVENTS)
    one = json.loads(record.read_text())[0]
    foreign = f"\x1b[2Jof {TOKEN} at https://u:p4ssw0rd@example.com\n  2026 forged by root"
    record.write_text(json.dumps([{**one, "who": foreign, "what": foreign, "command": foreign}] * 1_000))
    for form in ("text", "json"):
        shown = agent.run("history", "--format", form)
        assert shown.status == 0 and shown.errors == ""
        assert "\x1b" not in shown.output and "p4ssw0rd" not in shown.output
        assert "\n  2026 forged" not in shown.output and shown.output.count("forged by root") == 3_000
    part = bundle(agent, tmp_path)["events.json"]
    assert len(json.loads(part)) == 1_000 and TOKEN not in part and "p4ssw0rd" not in part and "\x1b" not in part


ADD = """
import sys
from teleport_bootstrap import paths
from teleport_bootstrap.state import events
for number in range(10):
    events.add(paths.Root(sys.argv[1]), events.make(f"{sys.argv[2]}-{number}", "alice", events.DONE, "it"))
"""


def test_issue_15_row_6_of_two_commands_at_once_both_are_recorded(tmp_path: Path) -> None:
    begun = [
        subprocess.Popen([sys.executable, "-c", ADD, str(tmp_path), name], cwd=CHECKOUT) for name in ("a", "b", "c")
    ]
    assert [each.wait(60) for each in begun] == [0, 0, 0]
    found = [each.command for each in events.read(paths.Root(str(tmp_path)))]
    assert sorted(found) == sorted(f"{name}-{number}" for name in "abc" for number in range(10))


# In a mount namespace of its own: the journal's socket as it is where its daemon hangs, and standard error that leads
# to the journal.
HANGING = """
import os, socket, subprocess, sys
folder = "/run/systemd/journal"
os.makedirs(folder, exist_ok=True)
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind(f"{folder}/socket")
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.setblocking(False)
while sys.argv[1] == "full":
    try:
        sender.sendto(b"x", f"{folder}/socket")
    except BlockingIOError:
        break
facts = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{facts.st_dev}:{facts.st_ino}"
done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, timeout=60)
journal.setblocking(False)
received = []
try:
    while True:
        received.append(journal.recv(65536))
except BlockingIOError:
    pass
print(len([each for each in received if b"PRIORITY" in each]), "entries")
sys.exit(done.returncode)
"""


@pytest.mark.parametrize("state", ["empty", "full"])
def test_issue_15_row_7_a_boot_does_not_wait_for_a_journal_that_hangs(agent: Agent, state: str) -> None:
    pytest.importorskip("systemd.journal")
    namespace = ("unshare", "--mount", "--")
    mount = [*namespace, "mount", "-t", "tmpfs", "none", "/mnt"]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    hanging = (*namespace, sys.executable, "-c", HANGING, state)
    done = agent.run("generate", "--wait", "20", "--log-level", "debug", prefix=hanging)
    assert done.status == 0, done.said
    assert agent.teleport_yaml.exists()
    assert ("\n0 entries" in f"\n{done.output}") is (state == "full")
    history = agent.run("history", "--format", "json")
    assert [each["command"] for each in history.data["events"]] == ["generate"]
