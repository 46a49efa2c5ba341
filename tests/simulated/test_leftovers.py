"""Issue 14, row 10: whatever temporary thing a killed command leaves is removed by the next run."""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from teleport_bootstrap import paths
from teleport_bootstrap.backup import databases_child
from teleport_bootstrap.host import directory, scratch, teleport_process
from teleport_bootstrap.paths import Root
from tests.lint.test_layers import modules
from tests.simulated import backing_up
from tests.simulated.agent import Agent, needs_root
from tests.simulated.backing_up import give_away, made
from tests.simulated_ec2 import imds as emulator

DATA = "/var/lib/teleport"

# Every function that makes something temporary with a name, and what shows that the next run removes it.
MAKERS = {
    ("change.transaction", "_keep"): "kill sweeps of each command",
    ("change.transaction", "_stage"): "kill sweeps of each command",
    ("change.way_back", "swaps_back"): "kill sweep of restore: the journal names the directory first",
    ("operations.reconfigure", "_reset_data"): "kill sweep of reconfigure: the journal names the directory first",
    ("restore.incoming", "begin"): "kill sweep of restore: the journal names the directory first",
    ("restore.stage", "finish"): "kill sweep of restore: the journal names the directory first",
    ("state.generations", "save"): "kill sweeps of each command",
    ("state.generations", "withdraw"): "kill sweeps of each command",
    ("state.generations", "prune"): "kill sweeps of each command",
    ("state.generations", "settle"): "this removes",
    ("change.journal", "sweep"): "this removes",
    ("host.directory", "remove_staged"): "this removes",
    ("host.teleport_process", "write_pid_file"): "test_row_10_a_pid_file",
    ("cluster.certificate.local", "_relink"): "test_row_10_a_link_of_a_certificate",
    ("operations.collect_logs", "_write"): "test_row_10_a_support_bundle",
    ("operations.collect_logs", "_remove_partial"): "this removes",
    ("host.directory", "replace"): "kill sweeps of each command; test_row_10_a_note; test_metrics",
    ("restore.adopted_facts", "write"): "inside a staged directory, which the kill sweep of restore covers",
    ("restore.archive_configuration", "unpacked"): "test_row_10_a_killed_restore",
    ("restore.local_data", "_keys"): "test_row_10_a_killed_restore, test_row_10_directories_of_killed_runs",
    ("host.scratch", "_locked"): "test_row_10_directories_of_killed_runs",
    ("backup.databases_child", "_scratch"): "test_row_10_copies_of_databases",
    ("backup.stores.directory", "_new_file"): "test_backup_interrupted",
    ("backup.stores.directory", "sweep"): "this removes",
    ("backup.stores.bucket", "sweep"): "test_stores, unfinished uploads",
    ("aws.s3_upload", "_abort_others"): "this removes",
    ("archive.spool", "__init__"): "a file without a name",
    ("backup.data_directory", "_raw"): "a file without a name",
}
_NAMES = ("STAGED", "KEPT", "PARTIAL", "SCRATCH_PREFIX", "_REMOVED", "_staged")
_CALLS = ("mkdtemp", "mkstemp", "TemporaryDirectory", "TemporaryFile", "NamedTemporaryFile", "abort_all")

_DIRECTORIES = (("scratch", "directory"), ("directory_swap", "place"))


def makers() -> set[tuple[str, str]]:
    """Return the functions that use an ending of temporary names, or make something temporary; found in the source."""
    found = set()
    for name, path in modules().items():
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                used = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
                of = ast.unparse(node.value) if isinstance(node, ast.Attribute) else ""
                if used in (*_NAMES, *_CALLS) or (of, used) in _DIRECTORIES:
                    found.add((name.partition(".")[2], function.name))
    return found - READERS


# They look at such names, to leave them out or to start what removes them.
READERS = {
    ("backup.contents", "_choose_kept"),
    ("backup.databases", "__enter__"),
    ("backup.databases_child", "_sweep"),
    ("operations.generate", "_keep"),
}


def test_row_10_every_maker_of_temporary_names_is_known() -> None:
    assert makers() == set(MAKERS)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return backing_up.prepared(tmp_path_factory.mktemp("prepared") / "root")


@pytest.fixture
def agent(tmp_path: Path, prepared: Path, imds: emulator.Server) -> Agent:
    return backing_up.copied(prepared, tmp_path / "root", imds)


def beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir() if each.name.startswith(f"{path.name}-"))


@pytest.mark.parametrize("name", ["backend", "proc"])
def test_row_10_companions_of_a_killed_copy_are_removed(agent: Agent, name: str) -> None:
    path = agent.path(f"{DATA}/{name}/sqlite.db")
    code = (
        "import os, sqlite3, sys\n"
        "opened = sqlite3.connect(f'file:{sys.argv[1]}?mode=rw', uri=True)\n"
        "opened.execute('SELECT * FROM t').fetchall()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    give_away(agent)
    assert beside(path) == ["sqlite.db-shm", "sqlite.db-wal"]
    made(agent)
    assert beside(path) == []


def test_row_10_a_log_without_shared_memory_gets_none(agent: Agent, tmp_path: Path) -> None:
    path = agent.path(f"{DATA}/backend/sqlite.db")
    with contextlib.closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO t VALUES (1)")
        writer.commit()
        kept = {name: (path.parent / name).read_bytes() for name in ("sqlite.db", "sqlite.db-wal")}
    for each, content in kept.items():
        (path.parent / each).write_bytes(content)
    give_away(agent)
    place = made(agent)["archive"]
    assert beside(path) == ["sqlite.db-wal"]
    assert (path.parent / "sqlite.db-wal").read_bytes() == kept["sqlite.db-wal"]
    copy = backing_up.unpacked(place, tmp_path / "out") / f"{DATA}/backend/sqlite.db".lstrip("/")
    with contextlib.closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("SELECT count(*) FROM t").fetchone() == (101,)


def test_row_10_an_open_database_keeps_its_companions(agent: Agent) -> None:
    """Its log is empty, as that of a killed copy, and another process uses it."""
    path = agent.path(f"{DATA}/backend/sqlite.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as teleport:
        teleport.execute("SELECT count(*) FROM t").fetchall()
        give_away(agent)
        identities = [(path.parent / each).stat().st_ino for each in beside(path)]
        assert len(identities) == 2
        made(agent)
        assert [(path.parent / each).stat().st_ino for each in beside(path)] == identities
        teleport.execute("INSERT INTO t VALUES (1)")
        assert teleport.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_row_10_copies_of_databases_are_removed_also_without_any_database(agent: Agent) -> None:
    left = agent.path(f"{DATA}/{databases_child.SCRATCH_PREFIX}killed")
    left.mkdir()
    for ending in ("", "-wal", "-shm", "-journal"):
        (left / f"copy{ending}").write_text("left")
    for each in agent.path(DATA).rglob("sqlite.db"):
        each.unlink()
    give_away(agent)
    made(agent)
    assert not left.exists()


@needs_root
def test_row_10_a_killed_restore_leaves_no_configuration_behind(agent: Agent) -> None:
    place = made(agent)["archive"]
    agent.environ["TMPDIR"] = str(agent.root.parent / "temporary")
    temporary = agent.root.parent / "temporary"
    temporary.mkdir()
    for _ in range(3):
        process = agent.start("restore", place, "--dry-run", "--force")
        end = time.monotonic() + 30
        while process.poll() is None and not list(temporary.glob(f"{scratch.PREFIX}*")):
            assert time.monotonic() < end
        process.kill()
        process.communicate(timeout=30)
        if list(temporary.glob(f"{scratch.PREFIX}*")):
            break
    else:
        raise AssertionError("it was never killed in time")
    assert agent.run("restore", place, "--dry-run", "--force").status == 0
    assert list(temporary.glob(f"{scratch.PREFIX}*")) == []


def test_row_10_directories_of_killed_runs_are_removed_and_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (tmp_path / f"{scratch.PREFIX}purpose-link").symlink_to(outside)
    left = tmp_path / f"{scratch.PREFIX}purpose-left"
    (left / "inner").mkdir(parents=True)
    (left / "inner" / "link").symlink_to(outside)
    with scratch.directory("purpose") as mine:
        assert not left.exists()
        with scratch.directory("purpose") as another:
            assert os.path.isdir(mine) and another != mine
    assert not os.path.exists(mine)
    assert (outside / "kept").exists()


def test_row_10_a_note_a_pid_file_and_a_support_bundle_of_a_killed_run_are_removed(agent: Agent) -> None:
    agent.write(paths.PID_FILE, "1\n")
    folder, name = os.path.split(paths.PID_FILE)
    for number in (1, 2):
        agent.write(f"{folder}/.{name}.{number}{directory.STAGED}", "3")
    teleport_process.write_pid_file(Root(str(agent.root)), 4)
    assert os.listdir(agent.path(folder)) == [name]
    gone = subprocess.Popen(["true"])
    gone.wait()
    for number in (gone.pid, os.getpid()):
        agent.write(f"/srv/.support-bundle.{number}{directory.STAGED}", "half")
    agent.write(f"{paths.STATE}/.support-bundle.{gone.pid}{directory.STAGED}", "half")
    agent.write(f"{paths.JOBS}/.backup.json.0123456789abcdef{directory.STAGED}", "half")
    for output in ((), ("--output", str(agent.path("/srv/bundle.tar.gz")))):
        assert agent.run("collect-logs", *output).status == 0
    assert sorted(os.listdir(agent.path("/srv"))) == [
        f".support-bundle.{os.getpid()}{directory.STAGED}",  # that process is still at work
        "bundle.tar.gz",
    ]
    made(agent)
    assert list(agent.path(paths.STATE).rglob(f"*{directory.STAGED}")) == []
