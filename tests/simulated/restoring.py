"""Two hosts to restore between: an old one that is backed up, and a new one with an instance of its own."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any, Optional

from tests.simulated.agent import Agent, Ended
from tests.simulated_ec2 import imds as emulator

# A cluster of its own: everything is in the data directory.
ALL_IN_ONE = "TELEPORT_DOMAIN_NAME=teleport.example.com\nTELEPORT_EXTERNAL_PORT=443\nTELEPORT_CLUSTER_NAME=cluster-1\n"

# Another instance.
NEW = {
    "meta-data": {
        "instance-id": "i-0fedcba9876543210",
        "hostname": "ip-10-0-9-99.ec2.internal",
        "local-hostname": "ip-10-0-9-99.ec2.internal",
        "local-ipv4": "10.0.9.99",
        "public-ipv4": "203.0.113.99",
    }
}

HOST_UUID = "6f1f0d0a-5a33-4c0e-9a5e-4f6a2b1c9d11"


def host(directory: Path, imds: emulator.Server, *, version: str = "17.5.1", **switches: Any) -> Agent:
    directory.mkdir()
    agent = Agent(directory, imds=imds.url)
    agent.install(version=version, **switches)
    # The accounts that a package makes: owners are kept by name.
    agent.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nteleport:x:64998:64998::/:/bin/false\n")
    agent.write("/etc/group", "root:x:0:\nteleport:x:64998:\n")
    return agent


def database(path: Path, *keys: str) -> None:
    """Make a database as Teleport's backend is one, in WAL mode and closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(
        "CREATE TABLE kv (key TEXT NOT NULL PRIMARY KEY, modified INTEGER, expires DATETIME, value BLOB)"
    )
    connection.executemany("INSERT INTO kv VALUES (?, 0, NULL, ?)", [(key, key.encode() * 20) for key in keys])
    connection.commit()
    connection.close()


# What a real Teleport of each role was seen to create in its data directory, and what its source says that it creates
# there; see docs/teleport-behaviour.md. Directories end in a slash.
_LOG = (
    "log/9f40ffe5-da82-48ec-a435-ffcf81555a44/sessions/default/",
    "log/playbacks/sessions/default/",
    "log/records/",
)
_UPLOAD = ("log/upload/corrupted/default/", "log/upload/streaming/default/")
FIRST_BOOT = {
    "all-in-one": (*_LOG, *_UPLOAD, "webproxy_cert.pem", "webproxy_key.pem"),
    "all-in-one behind ACM": (*_LOG, *_UPLOAD),
    "all-in-one with Teleport's own ACME": (*_LOG, *_UPLOAD, "acme/acme_account+key", "acme/teleport.example.com"),
    "auth": _LOG,
    "proxy": ("webproxy_cert.pem", "webproxy_key.pem", *_UPLOAD),
    "node": _UPLOAD,
    "agent of AWS's databases": (
        *("eu-central-1-bundle.pem", "us-gov-west-1-bundle.pem", "amazon-trust-ca-bundle.crt", "AmazonRootCA1.pem"),
        *("sf-class2-root.crt", "AmazonRootCA1.pem.version", "eu-central-1-bundle.pem.version"),
    ),
    "any newer one": ("debug.sock", "cache/"),
}


def files_of_first_boot(agent: Agent, role: str) -> None:
    """Create the files of FIRST_BOOT that a Teleport of `role` creates."""
    for name in FIRST_BOOT[role]:
        path = agent.path(f"/var/lib/teleport/{name}")
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            agent.write(f"/var/lib/teleport/{name}", "made by Teleport\n", 0o600)


def first_boot(agent: Agent) -> None:
    """Create what an unused Teleport creates that is a cluster of its own."""
    files_of_first_boot(agent, "all-in-one")
    agent.write("/var/lib/teleport/host_uuid", "0ab12cd3-0000-4000-8000-000000000001", 0o400)
    agent.path("/var/lib/teleport").chmod(0o700)
    database(agent.path("/var/lib/teleport/proc/sqlite.db"), "/ids/node/current")
    database(
        agent.path("/var/lib/teleport/backend/sqlite.db"),
        "/authorities/host/cluster-1",
        "/cluster_configuration/name",
        "/roles/access/params",
        "/roles/editor/params",
        "/roles/auditor/params",
        "/web/users/@teleport-access-approval-bot/params",
        "/namespaces/default/params",
    )


def used(agent: Agent) -> None:
    """Create what a Teleport in use and its users create."""
    data = "/var/lib/teleport"
    agent.write(f"{data}/host_uuid", HOST_UUID, 0o400)
    agent.path(data).chmod(0o700)
    database(agent.path(f"{data}/proc/sqlite.db"), "/ids/node/current")
    database(
        agent.path(f"{data}/backend/sqlite.db"), "/web/users/alice/params", "/roles/access/params", "/roles/dba/params"
    )
    agent.write(f"{data}/log/upload/sessions/default/0f3b.tar", "a session" * 1000, 0o640)
    agent.write(f"{data}/log/0f3b/2026-01-01.log", '{"event":"user.login"}\n' * 100, 0o640)


def hard_cases(agent: Agent) -> None:
    """Names, modes and kinds of files that are easily lost on the way."""
    top = agent.path("/var/lib/teleport/log")
    raw = os.fsencode(top) + b"/not-\xff\xfe-utf8"
    with open(raw, "wb") as file:
        file.write(b"x")
    agent.write("/var/lib/teleport/log/locked", "locked\n", 0o000)
    agent.write("/var/lib/teleport/log/setuid", "#!/bin/false\n", 0o4755).chmod(0o4755)
    (top / "loop").symlink_to("loop")
    (top / "empty").mkdir(mode=0o2750)
    with (top / "sparse").open("wb") as file:
        file.seek(50 * 1024 * 1024)
        file.write(b"end")
    archive = agent.path("/etc/letsencrypt/archive/d")
    archive.mkdir(parents=True)
    (archive / "cert1.pem").write_text("CERT")
    live = agent.path("/etc/letsencrypt/live/d")
    live.mkdir(parents=True)
    (live / "cert.pem").symlink_to("../../archive/d/cert1.pem")
    agent.write("/etc/default/teleport", "TELEPORT_X=1\n", 0o600)
    agent.write("/etc/systemd/system/teleport.service.d/mine.conf", "[Service]\nNice=5\n")


def backup(agent: Agent, to: Path, *options: str) -> Path:
    """Back the host up into the directory `to`, and return the archive."""
    to.mkdir(mode=0o700, exist_ok=True)
    done = agent.run("backup", *options, str(to), "--wait", "5")
    assert done.status == 0, done.errors
    return next(path for path in sorted(to.iterdir()) if path.name.endswith((".tar.zst", ".tar.gz")))


def restore(agent: Agent, archive: Any, *options: str, **named: Any) -> Ended:
    return agent.run("restore", str(archive), "--yes", "--wait", "10", *options, **named)


Fact = tuple[str, int, int, int, int, Optional[str]]


def listing(top: Path) -> dict[bytes, Fact]:
    """Return everything below `top`: kind, mode, owner, time of files, and content or target."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            content: Optional[str] = None
            if stat.S_ISREG(facts.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            elif stat.S_ISLNK(facts.st_mode):
                content = repr(os.readlink(path))
            when = 0 if stat.S_ISDIR(facts.st_mode) else facts.st_mtime_ns
            kind = stat.S_IFMT(facts.st_mode)
            found[os.path.relpath(path, os.fsencode(top))] = (
                str(kind),
                stat.S_IMODE(facts.st_mode),
                facts.st_uid,
                facts.st_gid,
                when,
                content,
            )
    return found


def without_databases(found: dict[bytes, Fact]) -> dict[bytes, Fact]:
    """SQLite's own copies say the same in other bytes."""
    return {name: fact for name, fact in found.items() if b"sqlite.db" not in name}


def keys(path: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [key for (key,) in connection.execute("SELECT key FROM kv ORDER BY key")]
    finally:
        connection.close()
