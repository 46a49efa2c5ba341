"""backup, killed or failing at each call that changes a file: what is offered as good is good."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulated import kill_sweep
from tests.simulated.agent import Agent, needs_strace
from tests.simulated.backing_up import BACKUPS, database, left_behind, listed, made
from tests.simulated_ec2 import imds as emulator

# The name is the same in each run, and of the form that is listed.
TARGET = f"{BACKUPS}/teleport-cluster-1_host_20991122T115743Z.tar.gz"


def good(agent: Agent) -> list[str]:
    return [each["archive"] for each in listed(agent) if each["verified"] and not each["incomplete"]]


@pytest.fixture
def small(tmp_path: Path, imds: emulator.Server) -> Agent:
    """A hand-configured host of a few files, and a backup that is there already."""
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url, environ={"PYTHONHASHSEED": "0"})
    agent.write("/etc/teleport.yaml", "version: v3\n")
    database(agent, "/var/lib/teleport/backend/sqlite.db", 5)
    made(agent)
    return agent


@needs_strace
def test_lists_only_valid_archives_after_a_kill_at_any_call(small: Agent) -> None:
    target = str(small.path(TARGET))
    (before,) = good(small)
    prepared = kill_sweep.Prepared(small, "backup", target)
    assert {"fsync", "renameat", "write"} <= set(prepared.kinds())
    for point in kill_sweep.sample(prepared.points):
        prepared.kill_at(point)
        offered = good(small)
        assert before in offered, point
        for place in offered:
            assert small.run("backup", "verify", place).status == 0, point
        made(small)
        assert left_behind(small) == [], point


@needs_strace
def test_reports_a_failure_of_any_call_and_lists_only_valid_archives(small: Agent) -> None:
    prepared = kill_sweep.Prepared(small, "backup", str(small.path(TARGET)))
    for point, trouble in prepared.failures():
        place = f"{trouble} at {point}"
        ended = prepared.fail_at(point, trouble)
        assert "Traceback" not in ended.errors and "internal error" not in ended.errors, (place, ended.errors)
        assert ended.status in (0, 6, 19), (place, ended.errors)
        assert ended.status != 19 or any(each["incomplete"] for each in listed(small)), place
        for offered in good(small):
            assert small.run("backup", "verify", offered).status == 0, place
        # The last thing that can fail is to bring to the disk that it is good, which it is.
        assert len(good(small)) == 2 or ended.status != 0, place
