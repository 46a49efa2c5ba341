"""Dry runs, which stage files and drop them, killed or failing at each call that changes a file: nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulated import kill_sweep, restoring
from tests.simulated.agent import Agent, needs_strace
from tests.simulated.test_restore_interrupted import differing, leftovers, plain
from tests.simulated_ec2 import imds as emulator

SAMPLE = 7


def _host(tmp_path: Path, imds: emulator.Server) -> tuple[Agent, Path]:
    """Return a host of two generations whose conf was edited again, with a backup."""
    host = restoring.host(tmp_path / "host", imds)
    host.environ["PYTHONHASHSEED"] = "0"
    host.conf(restoring.ALL_IN_ONE).chmod(0o600)
    assert host.generate().status == 0
    restoring.used(host)
    archive = restoring.backup(host, tmp_path / "backups")
    for port in ("8443", "9443"):
        host.conf(restoring.ALL_IN_ONE.replace("443", port)).chmod(0o600)
        if port == "8443":
            assert host.run("reconfigure", "--yes").status == 0
    return host, archive


@pytest.fixture(scope="module", params=["reconfigure", "rollback", "restore", "restore --undo"])
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[kill_sweep.Prepared]:
    server = emulator.Server()
    server.start()
    host, archive = _host(tmp_path_factory.mktemp("prepared"), server)
    command = request.param.split()
    if command == ["restore", "--undo"]:
        assert host.run("restore", str(archive), "--yes", "--force", "--wait", "20").status == 0
    elif command == ["restore"]:
        command += [str(archive), "--force"]
    yield kill_sweep.Prepared(host, *command, "--dry-run", "--wait", "20", alone=True)
    server.stop()


def chosen(points: list[kill_sweep.Point]) -> list[kill_sweep.Point]:
    if kill_sweep.EVERY_CALL:
        return points
    return list(dict.fromkeys(points[index * (len(points) - 1) // (SAMPLE - 1)] for index in range(SAMPLE)))


@needs_strace
def test_issue_15_row_2_a_dry_run_that_is_killed_changes_nothing(prepared: kill_sweep.Prepared) -> None:
    before = plain(prepared.before)
    assert plain(prepared.after) == before
    for point in chosen(prepared.points):
        prepared.kill_at(point)
        found, _ = prepared.recover()
        assert not (differ := differing(plain(found), before)), f"{point}: {differ}"
        assert leftovers(prepared.agent.root) == [], point
