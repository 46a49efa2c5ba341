"""Issue 14, row 5: whatever other accounts, programs and services say, a command prints no control characters, and no
line that they made."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from teleport_bootstrap import errors, escaping
from teleport_bootstrap.host import systemd
from tests.simulated import auth_server, restoring
from tests.simulated.agent import GUIDE, Agent, Ended, needs_root
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as answers
from tests.simulated_ec2 import imds as emulator

# Colors, titles, links, both kinds of controls, line ends of every kind, characters that reverse or hide text, a
# sequence without an end, and lines that look like those of this program.
HOSTILE = (
    "\x1b[31mred\x1b]0;owned\x07\x1b]8;;https://example.com\x07link\x9b2J\x08\x7f\x85\u2028\u2029\u202e\u2066\u200b\u00ad"
    "\rwrote /etc/FORGED\nFORGED line\nteleport-bootstrap: FORGED\n  Run `FORGED`.\n<3>FORGED\x0b\x0c\u3164\ufeff"
    "\ttab FORGED \x1b"
)
# What a file name and an environment can hold.
IN_A_NAME = HOSTILE.replace("/", "-")[:90] + "\nFORGED"
FORGED = re.compile(r"^(?:<\d>)?(?:FORGED|wrote /etc/FORGED|teleport-bootstrap: FORGED|  Run `FORGED)", re.MULTILINE)


def is_clean(ended: Ended, *, needs: str = "FORGED") -> None:
    """Assert that what was printed controls nothing, and that the hostile text is in it, escaped."""
    for text in (ended.output, ended.errors):
        assert escaping.several_lines(text) == text, ascii(text)
        assert not FORGED.search(text), text
    assert "Traceback" not in ended.said and "internal error" not in ended.said
    assert needs in ended.said, ended.said


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    return restoring.host(tmp_path / "root", imds)


def quoted(text: str) -> str:
    return json.dumps(text)


def teleport_refuses(agent: Agent, aws: Aws) -> Ended:
    agent.install(refuse=HOSTILE)
    return agent.run("generate", "--wait", "3")


def tctl_fails(agent: Agent, aws: Aws) -> Ended:
    agent.aws = aws.url
    agent.path("/etc/passwd").unlink()  # so that the stand-in runs as the user who runs the tests
    auth_server.make_table(aws)
    server = auth_server.AuthServer(agent, aws)
    server.prepare(fail={"create": f"{HOSTILE}", "status": f"{HOSTILE}"})
    return agent.run("publish-tokens", "--wait", "3")


def aws_denies(agent: Agent, aws: Aws) -> Ended:
    agent.aws = aws.url
    agent.conf("TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=a.example.com\n")
    aws.fail_always(answers.Answer("AccessDeniedException", HOSTILE))
    return agent.run("fetch-secrets", "--wait", "3")


def conf_value(agent: Agent, aws: Aws) -> Ended:
    agent.conf(f"{GUIDE}USE_ACM='{HOSTILE}'\nFORGED{chr(27)}=1\n".replace("`", ""))
    return agent.run("validate")


def override_key(agent: Agent, aws: Aws) -> Ended:
    agent.write("/etc/teleport.d/teleport.yaml.d/10.yaml", f"proxy_service: {{{quoted(HOSTILE)}: {quoted(HOSTILE)}}}\n")
    return agent.run("render", "--explain", "--wait", "3")


def override_is_broken(agent: Agent, aws: Aws) -> Ended:
    text = f"a: 1\na: {quoted(HOSTILE)}\n? {quoted(HOSTILE)}\n: x\n{quoted(HOSTILE)}: [\n"
    agent.write("/etc/teleport.d/teleport.yaml.d/FORGED.yaml", text)
    return agent.run("generate", "--wait", "3")


def override_name(agent: Agent, aws: Aws) -> Ended:
    agent.write("/etc/teleport.d/teleport.yaml.d/10.yaml", "proxy_service: {enabled: yes}\n")
    folder = agent.path("/etc/teleport.d/teleport.yaml.d")
    (folder / f"{IN_A_NAME}.yml").write_text("a: 1\n")
    (folder / f"{IN_A_NAME}.yaml").write_text("a: [\n")
    return agent.run("render", "--wait", "3")


def manual_edit(agent: Agent, aws: Aws) -> Ended:
    assert agent.generate().status == 0
    agent.teleport_yaml.write_text(f"{agent.teleport_yaml.read_text()}# {HOSTILE}\n# FORGED\n")
    agent.conf(f"{GUIDE}TELEPORT_NODENAME=other\n")
    return agent.run("reconfigure", "--yes", "--wait", "3")


def tag_value(agent: Agent, aws: Aws) -> Ended:
    agent.conf(f"{GUIDE}TELEPORT_TAG_LABELS=Name\n")
    facts = {"local-ipv4": "10.0.0.12", "local-hostname": "ip", "instance-id": "i-0", "region": "us-east-1"}
    path = agent.write("/facts.yaml", json.dumps({**facts, "tags": {"Name": HOSTILE}}))
    return agent.run("render", "--explain", "--metadata", str(path))


def metadata_value(agent: Agent, aws: Aws) -> Ended:
    text = f"{HOSTILE}"
    agent.write("/facts.yaml", json.dumps({"local-ipv4": text, "region": text, text: 1}))
    return agent.run("plan", "--metadata", str(agent.path("/facts.yaml")))


def file_in_data(agent: Agent, aws: Aws) -> Ended:
    assert agent.generate().status == 0
    restoring.used(agent)
    (agent.path("/var/lib/teleport") / f"{IN_A_NAME}.db").write_bytes(b"SQLite format 3\x00" + b"garbage" * 100)
    os.symlink("/elsewhere", agent.path("/var/lib/teleport") / f"{IN_A_NAME}-link")
    os.mkfifo(agent.path("/var/lib/teleport") / f"{IN_A_NAME}-fifo")
    return agent.run("backup", str(agent.root / "kept"), "--wait", "3")


def key_in_database(agent: Agent, aws: Aws) -> Ended:
    assert agent.generate().status == 0
    restoring.used(agent)
    place = agent.root.parent / "kept"
    archive = restoring.backup(agent, place)
    database = agent.path("/var/lib/teleport/backend/sqlite.db")
    with sqlite3.connect(database) as opened:
        opened.execute("INSERT INTO kv VALUES (?, 0, NULL, 'x')", (f"/web/users/{HOSTILE.replace('/', '-')}/params",))
    opened.close()
    return restoring.restore(agent, archive)


def archive_name(agent: Agent, aws: Aws) -> Ended:
    folder = agent.path("/var/backups/teleport")
    folder.mkdir(parents=True, mode=0o700)
    (folder / f"{IN_A_NAME}.tar.gz").write_text("x")
    return agent.run("restore", str(folder / f"{IN_A_NAME}.tar.gz"), "--dry-run")


def arguments(agent: Agent, aws: Aws) -> Ended:
    return agent.run("validate", HOSTILE.replace("/", "-"))


def unknown_command(agent: Agent, aws: Aws) -> Ended:
    return agent.run(HOSTILE)


def state_file(agent: Agent, aws: Aws) -> Ended:
    assert agent.generate().status == 0
    path = agent.path("/var/lib/teleport-bootstrap/generations/1/manifest.json")
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "made_by": HOSTILE, "role": HOSTILE, "teleport_version": HOSTILE}))
    return agent.run("history")


def user_behind_sudo(agent: Agent, aws: Aws) -> Ended:
    agent.environ["SUDO_USER"] = HOSTILE
    assert agent.generate().status == 0
    return agent.run("history")


def version_of_teleport(agent: Agent, aws: Aws) -> Ended:
    agent.install(version=f"{HOSTILE}")
    return agent.run("status")


DOORS: tuple[Callable[[Agent, Aws], Ended], ...] = (
    *(teleport_refuses, tctl_fails, aws_denies, conf_value, override_key, override_is_broken, override_name),
    *(manual_edit, tag_value, metadata_value, file_in_data, key_in_database, archive_name, arguments, unknown_command),
    *(state_file, user_behind_sudo, version_of_teleport),
)


@needs_root
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_row_5_what_comes_from_outside_neither_controls_a_terminal_nor_makes_a_line(
    agent: Agent, aws: Aws, door: Callable[[Agent, Aws], Ended]
) -> None:
    """Issue 14, row 5: through each door by which a foreign text comes in."""
    agent.conf(GUIDE)
    # Of a key, the first hundred characters are shown; an invalid name of an account is ignored.
    needs = {version_of_teleport: "", key_in_database: "owned", user_behind_sudo: "generate by "}
    is_clean(door(agent, aws), needs=needs.get(door, "FORGED"))


@pytest.mark.parametrize("name", ["systemctl", "journalctl"])
def test_row_5_what_systemd_says_makes_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Issue 14, row 5: the messages of systemctl, and the last lines of a unit in the journal."""
    (tmp_path / "said").write_text(f"{HOSTILE}\n", encoding="utf-8")
    program = tmp_path / name
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/said\ncat {tmp_path}/said >&2\nexit {int(name == 'systemctl')}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if name == "systemctl":
        with pytest.raises(errors.UnitTrouble) as caught:
            systemd.start(["teleport.service"])
        message = caught.value.message
    else:
        said = systemd.last_words("teleport.service", since=0.0)
        lines = [f"teleport.service: {each}" for each in said.split("\n")]
        message = errors.ChangeRolledBack("Teleport did not become healthy", lines=lines).message
    assert "FORGED" in message and not FORGED.search(message)
    assert escaping.several_lines(message) == message


def test_row_5_json_is_escaped_too_and_says_the_same(agent: Agent) -> None:
    agent.conf(f"{GUIDE}TELEPORT_TAG_LABELS=Name\n")
    facts = {"local-ipv4": "10.0.0.12", "local-hostname": "ip", "instance-id": "i-0", "region": "us-east-1"}
    path = agent.write("/facts.yaml", json.dumps({**facts, "tags": {"Name": f"{HOSTILE}é"}}))
    done = agent.run("render", "--format", "json", "--metadata", str(path))
    is_clean(done)
    assert done.data["teleport_yaml"]["ssh_service"]["labels"]["Name"] == f"{HOSTILE}é"
    assert "é" in done.output


def test_row_5_what_libraries_and_threads_would_print_by_themselves_is_not_printed(tmp_path: Path) -> None:
    """Their texts may hold secrets, or anything."""
    program = tmp_path / "program.py"
    program.write_text(
        "import logging, sys, threading, warnings\n"
        "from teleport_bootstrap.host import journal, output\n"
        "output.show_nothing_by_itself()\n"
        "journal.set_up('info')\n"
        "def fail(): raise ValueError('FORGED')\n"
        "warnings.warn('FORGED')\n"
        "logging.getLogger('urllib3').warning('FORGED')\n"
        "logging.getLogger('teleport_bootstrap.x').warning('%d', 'FORGED')\n"
        "class Gone:\n    def __del__(self): fail()\n"
        "Gone()\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "fail()\n"
    )
    environment = Agent(tmp_path).environment()
    ended = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and ended.stdout + ended.stderr == ""
