"""backup, killed or failing at each call that changes a file: what is offered as good is good."""

from __future__ import annotations

import collections
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulated import kill_figures, kill_sweep
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


@needs_strace
@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
def test_offers_only_valid_archives_after_the_compressor_was_killed_at_any_call(small: Agent) -> None:
    """Issue 14, kill points: the other process of the pipe."""
    folder = small.root.parent / "bin"
    folder.mkdir()
    program, trace = folder / "zstd", folder / "trace"
    small.environ["PATH"] = f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin"
    (before,) = good(small)

    def compressor(*options: str) -> None:
        words = " ".join(["strace", "-f", "-o", str(trace), "-e", "trace=read,write,close,futex", *options])
        program.write_text(f'#!/bin/sh\nexec {words} {shutil.which("zstd")} "$@"\n')
        program.chmod(0o755)

    target = str(small.path(TARGET)).replace(".gz", ".zst")
    compressor()
    assert small.run("backup", target).status == 0
    counts = collections.Counter(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.MULTILINE))
    points = [(name, number) for name in ("read", "write") for number in range(1, counts[name] + 1)]
    chosen = points if kill_sweep.EVERY_CALL else points[:: max(1, len(points) // 6)]
    statuses = set()
    for name, number in chosen:
        for left in small.path(BACKUPS).glob("*20991122*"):
            left.unlink()
        compressor("-e", f"inject={name}:signal=KILL:when={number}")
        ended = small.run("backup", target)
        place = f"{name} number {number}: {ended.errors}"
        kill_figures.note(kill_figures.COMPRESSOR, kill_figures.KILLED, place)
        statuses.add(ended.status)
        assert "Traceback" not in ended.errors and ended.status in (0, 6), place
        assert before in good(small), place
        assert ended.status != 0 or len(good(small)) == 2, place
        assert left_behind(small) == [], place
    assert 6 in statuses, "the compressor was killed"


# Runs the command with another program as its own interpreter, for the processes that it starts of this package.
AS_MODULE = (
    "import sys; import runpy; sys.executable = {python!r}; sys.argv[0] = 'teleport-bootstrap'; "
    "runpy.run_module('teleport_bootstrap', run_name='__main__', alter_sys=True)"
)


@needs_strace
def test_never_offers_half_a_database_after_the_child_that_copies_was_killed_at_any_call(small: Agent) -> None:
    """Issue 14, kill points: the database child, while the agent lives."""
    folder = small.root.parent / "bin"
    folder.mkdir()
    python, trace = folder / "python", folder / "trace"
    target = str(small.path(TARGET))
    (before,) = good(small)
    calls = ("openat", "pwrite64", "write", "unlink", "unlinkat", "mkdir", "rmdir", "sendto", "sendmsg", "recvfrom")

    def run(*options: str) -> tuple[int, str]:
        words = " ".join(["strace", "-o", str(trace), "-e", f"trace={','.join(calls)}", *options])
        python.write_text(f'#!/bin/sh\nexec {words} {sys.executable} "$@"\n')
        python.chmod(0o755)
        program = [sys.executable, "-c", AS_MODULE.format(python=str(python)), "--root", str(small.root)]
        done = subprocess.run(
            [*program, "backup", target],
            env=small.environment(),
            cwd=small.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        return done.returncode, done.stderr

    assert run()[0] == 0
    counts = collections.Counter(re.findall(r"^(\w+)\(", trace.read_text(), re.MULTILINE))
    assert counts["pwrite64"] and counts["sendmsg"], "this is the child"
    points = [(name, number) for name in sorted(counts) for number in range(1, counts[name] + 1)]
    chosen = points
    if not kill_sweep.EVERY_CALL:
        chosen = [(name, counts[name]) for name in ("pwrite64", "sendmsg")]
    statuses = set()
    for name, number in chosen:
        for left in small.path(BACKUPS).glob("*20991122*"):
            left.unlink()
        status, errors = run("-e", f"inject={name}:signal=KILL:when={number}")
        place = f"{name} number {number}: {errors}"
        kill_figures.note(kill_figures.DATABASE_CHILD, kill_figures.KILLED, place)
        statuses.add(status)
        assert "Traceback" not in errors and status in (0, 6, 19), place
        assert before in good(small), place
        # Without the database it is incomplete, and says so.
        assert (status == 0) == (len(good(small)) == 2), place
        assert status != 19 or "backend/sqlite.db" in errors, place
        for offered in good(small):
            assert small.run("backup", "verify", offered).status == 0, place
    made(small)
    assert left_behind(small) == []
    assert statuses & {6, 19}, "the child was killed"


@needs_strace
def test_the_child_that_copies_ends_with_the_agent(small: Agent) -> None:
    """Issue 14, kill points: the agent, while the database child lives; `kill_at` waits for the end of the others."""
    prepared = kill_sweep.Prepared(small, "backup", str(small.path(TARGET)), alone=True)
    (made_first, *_) = [point for point in prepared.points if "20991122" in point.arguments]
    prepared.kill_at(made_first)
    kill_sweep.wait_for_children(small.root)
    made(small)
    assert left_behind(small) == []
