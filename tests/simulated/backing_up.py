"""A host to back up: an all-in-one that has run for a while, with what a backup takes and what it leaves."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from tests.simulated.agent import Agent
from tests.simulated_ec2 import imds as emulator

CONF = "TELEPORT_DOMAIN_NAME=teleport.example.com\nTELEPORT_EXTERNAL_PORT=443\nTELEPORT_CLUSTER_NAME=cluster-1\n"
SERVICE_UID = 64998
HOST_UUID = "6f1f0d0a-5a33-4c0e-9a5e-4f6a2b1c9d11"
BACKUPS = "/var/backups/teleport"


def prepared(root: Path) -> Path:
    """Make the host in the new directory `root`; its data still belongs to the user who runs the tests."""
    root.mkdir(parents=True)
    server = emulator.Server()
    server.start()
    try:
        agent = Agent(root, imds=server.url)
        agent.install()
        account = f"teleport:x:{SERVICE_UID}:{SERVICE_UID}::/:/bin/false"
        agent.write("/etc/passwd", f"root:x:0:0::/root:/bin/sh\n{account}\n")
        agent.write("/etc/group", f"root:x:0:\nteleport:x:{SERVICE_UID}:\n")
        agent.conf(CONF)
        done = agent.generate()
        assert done.status == 0, done.errors
        populate(agent)
    finally:
        server.stop()
    return root


def copied(prepared: Path, root: Path, imds: emulator.Server) -> Agent:
    """Return a copy of that host; its data belongs to an account of its own, where that can be had."""
    agent = Agent(Path(shutil.copytree(prepared, root, symlinks=True)), imds=imds.url)
    give_away(agent)
    return agent


def populate(agent: Agent) -> None:
    agent.write("/var/lib/teleport/host_uuid", HOST_UUID, 0o400)
    agent.write("/var/lib/teleport/license.pem", "license", 0o600)
    agent.write("/var/lib/teleport/log/upload/streaming/default/one.tar", "unsent")
    agent.write("/var/lib/teleport/cache/auth/sqlite.db", "recreated")
    agent.write("/var/lib/teleport/old.pid", "1\n")
    agent.write("/etc/default/teleport", "HTTPS_PROXY=http://proxy:3128\n")
    agent.write("/etc/letsencrypt/archive/teleport.example.com/fullchain1.pem", "certificate")
    agent.path("/etc/letsencrypt/live/teleport.example.com").mkdir(parents=True)
    agent.path("/etc/letsencrypt/live/teleport.example.com/fullchain.pem").symlink_to(
        "../../archive/teleport.example.com/fullchain1.pem"
    )
    agent.write("/etc/systemd/system/teleport.service.d/10-ours.conf", "[Service]\n")
    agent.write("/etc/systemd/system/teleport.service.d/notes.txt", "not read by systemd")
    agent.write("/etc/systemd/system/sshd.service.d/10-other.conf", "[Service]\n")
    database(agent, "/var/lib/teleport/backend/sqlite.db", 100)
    database(agent, "/var/lib/teleport/proc/sqlite.db", 3)


def database(agent: Agent, path: str, rows: int) -> Path:
    target = agent.path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(target)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("CREATE TABLE t (n INTEGER)")
        opened.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
        opened.commit()
    return target


def give_away(agent: Agent) -> None:
    data = agent.path("/var/lib/teleport")
    if os.geteuid() == 0:
        subprocess.run(["chown", "-Rh", f"{SERVICE_UID}:{SERVICE_UID}", str(data)], check=True)
    data.chmod(0o700)


def made(agent: Agent, *arguments: str) -> Any:
    done = agent.run("--format", "json", "backup", *arguments)
    assert done.status == 0, done.errors
    return done.data


def members(place: str) -> list[str]:
    done = subprocess.run(["tar", "-tf", place], capture_output=True, check=True)
    return [name.rstrip("/") for name in done.stdout.decode().splitlines()]


def unpacked(place: str, into: Path) -> Path:
    into.mkdir()
    subprocess.run(["tar", "-xf", place, "-C", str(into), "--no-same-owner"], check=True)
    return into


def listed(agent: Agent, *place: str) -> list[dict[str, Any]]:
    done = agent.run("--format", "json", "backup", "list", *place)
    assert done.status == 0, done.errors
    return list(done.data["backups"])


def left_behind(agent: Agent) -> list[str]:
    """Return what a backup that is over should not have left anywhere."""
    places = (BACKUPS, "/var/lib/teleport")
    return [
        str(path)
        for place in places
        for path in agent.path(place).glob("*")
        if path.name.startswith((".teleport-bootstrap-backup", ".teleport-c")) or path.name.endswith("-partial")
    ]
