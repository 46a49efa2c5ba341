"""Directories that are deeper than any path, in Teleport's data: issue 14, row 6.

Teleport's account can make them. What has to end is `backup`, `restore` and the removal of what a restore has replaced.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.host import tree
from tests.simulated import restoring
from tests.simulated.agent import Agent
from tests.simulated_ec2 import imds as emulator
from tests.unit.host.test_tree import make_deep

DATA = "/var/lib/teleport"


@pytest.fixture
def imds() -> Iterator[emulator.Server]:
    server = emulator.Server(restoring.NEW)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, if there is one that allows programs."""
    memory = "/dev/shm"
    if not os.access(memory, os.W_OK | os.X_OK) or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        memory = str(tmp_path)
    made = Path(tempfile.mkdtemp(dir=memory))
    yield made
    tree.remove(str(made))


@pytest.fixture
def old(quick: Path, imds: emulator.Server) -> Agent:
    agent = restoring.host(quick / "old", imds)
    agent.conf(restoring.ALL_IN_ONE)
    assert agent.generate().status == 0
    restoring.used(agent)
    return agent


@pytest.fixture
def new(quick: Path, imds: emulator.Server) -> Agent:
    agent = restoring.host(quick / "new", imds, version="18.0.1")
    agent.conf(restoring.ALL_IN_ONE)
    assert agent.generate().status == 0
    restoring.first_boot(agent)
    return agent


def put_aside(agent: Agent) -> list[str]:
    return [each.name for each in agent.path("/var/lib").iterdir() if each.name.startswith("teleport.")]


@pytest.mark.parametrize("levels", [10_000])
def test_row_6_restore_replaces_deep_data_and_every_way_on_ends(
    old: Agent, new: Agent, quick: Path, levels: int
) -> None:
    archive = restoring.backup(old, quick / "backups")
    make_deep(new.path(f"{DATA}/log"), levels)

    done = restoring.restore(new, archive)
    assert done.status == 0, done.said
    assert len(put_aside(new)) == 1 and not new.path(f"{DATA}/log/d").exists()

    undone = new.run("restore", "--undo", "--yes")
    assert undone.status == 0, undone.said
    assert new.path(f"{DATA}/log/d/d/d").exists()
    again = new.run("restore", "--undo", "--yes")
    assert again.status == 0, again.said

    discarded = new.run("restore", "--discard-undo", "--yes")
    assert discarded.status == 0, discarded.said
    assert put_aside(new) == []
    assert not new.path("/var/lib/teleport-bootstrap/undo.json").exists()


def test_row_6_the_next_restore_removes_deep_data_of_the_one_before(old: Agent, new: Agent, quick: Path) -> None:
    archive = restoring.backup(old, quick / "backups")
    make_deep(new.path(f"{DATA}/log"), 1000)
    assert restoring.restore(new, archive).status == 0
    done = restoring.restore(new, archive, "--force")
    assert done.status == 0, done.said
    (aside,) = put_aside(new)
    assert not new.path(f"/var/lib/{aside}/log/d").exists()


@pytest.mark.parametrize("levels", [200, 1000])
def test_row_6_a_backup_of_deep_data_can_be_restored(old: Agent, new: Agent, quick: Path, levels: int) -> None:
    make_deep(old.path(f"{DATA}/log"), levels)
    done = old.run("backup", str(quick / "backups") + "/", "--wait", "5")
    is_too_deep = levels > 256
    assert done.status == (errors.INCOMPLETE if is_too_deep else 0), done.said
    assert ("directories deep; what is in it was left out" in done.said) is is_too_deep
    archive = next(each for each in (quick / "backups").iterdir() if each.name.endswith((".tar.zst", ".tar.gz")))
    verified = old.run("backup", "verify", str(archive))
    assert verified.status in (0, errors.INCOMPLETE), verified.said
    restored = restoring.restore(new, archive)
    assert restored.status == 0, restored.said
    assert new.path(f"{DATA}/log{'/d' * 100}/file").exists()


def test_row_6_deep_directories_elsewhere_stop_no_command(old: Agent, quick: Path) -> None:
    """In what this agent removes, lists and searches: generations, certbot's accounts, drop-ins, images."""
    for path in (
        "/var/lib/teleport-bootstrap/generations/.99.old",
        "/etc/letsencrypt/accounts",
        "/etc/letsencrypt/archive",
        "/etc/systemd/system/teleport.service.d",
        "/etc/teleport.d/deep",
    ):
        old.path(path).mkdir(parents=True, exist_ok=True)
        make_deep(old.path(path), 1000)
    for command in (
        ("generate", "--wait", "5"),
        ("status",),
        ("history",),
        ("collect-logs", "--output", str(quick / "bundle.tar.gz")),
        ("backup", str(quick / "backups") + "/", "--wait", "5"),
    ):
        done = old.run(*command)
        assert done.status not in (1, 120), (command, done.said)
        assert "unforeseen" not in done.said and "Traceback" not in done.said
    assert not old.path("/var/lib/teleport-bootstrap/generations/.99.old").exists()
