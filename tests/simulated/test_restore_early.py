"""`restore` reads an archive once, and refuses before it reads its data; `strace` counts the bytes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface, tar
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.restore import incoming, rules, this_host
from tests.simulated import restoring, terminal
from tests.simulated.agent import Agent, leftovers
from tests.simulated_ec2 import imds as emulator
from tests.unit.archive import crafted

# Larger than what is read again to look for damage.
LARGE = 80 * 1024 * 1024

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace counts what is read")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A backup with much data."""
    top = tmp_path_factory.mktemp("large")
    server = emulator.Server()
    server.start()
    old = restoring.host(top / "old", server)
    old.conf(restoring.ALL_IN_ONE)
    assert old.generate().status == 0
    restoring.used(old)
    with open(old.path("/var/lib/teleport/log/large"), "wb") as file:
        for _ in range(LARGE // 2**20):
            file.write(os.urandom(2**20))
    yield restoring.backup(old, top / "backups")
    server.stop()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Agent]:
    server = emulator.Server(restoring.NEW)
    server.start()
    yield restoring.host(tmp_path / "new", server)
    server.stop()


def restored(agent: Agent, archive: Path, tmp_path: Path, *options: str) -> tuple[Any, int]:
    """Run `restore` under strace; return how it ended, and how many bytes of the archive were read."""
    trace = tmp_path / "trace"
    prefix = ("strace", "-f", "-qq", "-e", "trace=read", "-P", str(archive), "-o", str(trace))
    done = agent.run("restore", str(archive), "--wait", "5", *options, prefix=prefix)
    return done, sum(int(size) for size in re.findall(r"= (\d+)$", trace.read_text(), re.MULTILINE))


@needs_strace
def test_issue_15_terminal_5_an_archive_is_read_once(new: Agent, archive: Path, tmp_path: Path) -> None:
    done, read = restored(new, archive, tmp_path, "--yes")
    assert done.status == 0, done.errors
    assert read == archive.stat().st_size
    assert new.path("/var/lib/teleport/log/large").stat().st_size == LARGE


@needs_strace
@pytest.mark.parametrize(
    ("reason", "options", "said"),
    [
        ("older", ("--yes",), "which is older"),
        ("role", ("--yes",), "this host is node according to"),
        ("data", ("--yes",), "Add --force to set it aside"),
        ("nobody", (), "there is no terminal to ask for confirmation"),
        ("metadata", ("--yes", "--wait", "1"), "instance metadata"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_issue_15_terminal_5_what_is_known_at_once_is_said_before_the_data_is_read(
    new: Agent, archive: Path, tmp_path: Path, reason: str, options: tuple[str, ...], said: str
) -> None:
    if reason == "older":
        new.install(version="16.0.0")
    elif reason == "role":
        new.conf("TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=a.example.com\n")
    elif reason == "data":
        restoring.used(new)
    elif reason == "metadata":
        new.imds = "http://127.0.0.1:9"
    done, read = restored(new, archive, tmp_path, *options)
    assert done.status != 0
    assert said in done.errors
    assert read < LARGE / 10
    assert leftovers(new.root) == []


@needs_strace
def test_issue_15_terminal_5_a_manual_edit_is_refused_before_the_data_is_read(tmp_path: Path, new: Agent) -> None:
    server = emulator.Server()
    server.start()
    old = restoring.host(tmp_path / "old", server)
    old.conf(restoring.ALL_IN_ONE)
    assert old.generate().status == 0
    restoring.used(old)
    old.teleport_yaml.write_text(
        old.teleport_yaml.read_text().replace("keep_alive_count_max: 3", "keep_alive_count_max: 4")
    )
    with open(old.path("/var/lib/teleport/log/large"), "wb") as file:
        file.write(os.urandom(LARGE))
    archive = restoring.backup(old, tmp_path / "backups")
    server.stop()
    done, read = restored(new, archive, tmp_path, "--yes")
    assert done.status == 12, done.errors
    assert "keep_alive_count_max" in done.errors and read < LARGE / 10
    done, read = restored(new, archive, tmp_path, "--yes", "--discard-edits")
    assert done.status == 0, done.errors


def test_issue_15_terminal_5_the_operator_is_asked_before_the_data_is_read(
    new: Agent, archive: Path, tmp_path: Path
) -> None:
    """Cut off after its first part: only one who agrees is told that it is damaged."""
    half = tmp_path / archive.name
    half.write_bytes(archive.read_bytes()[: LARGE // 2])
    status, shown = terminal.at_terminal(new, "restore", str(half), answers=["n"])
    assert status == 0 and "nothing was changed" in shown, shown
    status, shown = terminal.at_terminal(new, "restore", str(half), answers=["y"])
    assert status == 16 and "is damaged" in shown, shown
    assert shown.count("Restore this?") == 1
    assert leftovers(new.root) == [] and not new.path("/etc/teleport.d/conf").exists()


def test_restores_where_there_is_room_for_the_archive_once(new: Agent, archive: Path) -> None:
    """What was unpacked is not counted a second time."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    volume = new.path("/var/lib")
    volume.mkdir(parents=True, exist_ok=True)
    once = LARGE + rules.LEFT_FREE_BYTES + 24 * 2**20
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={once},mode=0755", "tmpfs", str(volume)], check=True)
    try:
        done = new.run("restore", str(archive), "--wait", "5", "--yes")
        assert done.status == 0, done.errors
        assert new.path("/var/lib/teleport/log/large").stat().st_size == LARGE
    finally:
        subprocess.run(["umount", str(volume)], check=True)


def test_issue_15_terminal_5_nothing_is_unpacked_beyond_the_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 200 * 1024 * 1024
    monkeypatch.setattr(this_host, "room", lambda _: this_host.Room(free, None))
    root = paths.Root(str(tmp_path))
    tmp_path.joinpath("var/lib").mkdir(parents=True)
    source = crafted.InMemory(b"", "large.tar.zst")
    written = 0
    with (
        Transaction(root) as transaction,
        incoming.Incoming(transaction, source, judge=lambda *_: None, decide=lambda _: None, stages=True) as receiver,
    ):
        receiver.begin({"data_directories": ["/var/lib/teleport"]}, {})
        with pytest.raises(errors.RestoreRefused, match=r"has room for 209\.7 MB, and the archive takes more"):
            for number in range(1000):
                entry = interface.Entry(
                    f"var/lib/teleport/{number}", interface.FILE, 0o600, 0, 0, "root", "root", 0, size=2**20
                )
                receiver.take(tar.Member(entry), iter([memoryview(bytes(2**20))]))
                written += 2**20
        assert free - 80 * 2**20 < written < free - 60 * 2**20
    assert os.listdir(tmp_path / "var/lib") in ([], ["teleport-bootstrap"])
