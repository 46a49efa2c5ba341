"""Copies of live databases: what was committed at one moment, made with no rights but those of their owner."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.archive.interface import Gone, Instead, Leave, Take
from teleport_bootstrap.backup import data_directory, databases, databases_child
from teleport_bootstrap.paths import Root
from tests.simulated import hammer
from tests.simulated.agent import needs_root

UNPRIVILEGED = 65534


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a database in it, of an account without rights where we can have one."""
    made = tmp_path / "var" / "lib" / "teleport"
    (made / "backend").mkdir(parents=True)
    make(made / "backend" / "sqlite.db", rows=100)
    return given_away(made)


def given_away(directory: Path) -> Path:
    if os.geteuid() == 0:
        subprocess.run(["chown", "-Rh", f"{UNPRIVILEGED}:{UNPRIVILEGED}", str(directory)], check=True)
    directory.chmod(0o700)
    return directory


def make(path: Path, *, rows: int, journal: str = "WAL") -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode = {journal}")
        database.execute("CREATE TABLE t (n INTEGER)")
        database.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
        database.commit()


@contextlib.contextmanager
def copier(data: Path) -> Iterator[databases.Copier]:
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with databases.Copier(descriptor, str(data)) as made:
            yield made
    finally:
        os.close(descriptor)


def saved(descriptor: int, target: Path) -> Path:
    with os.fdopen(descriptor, "rb") as copy:
        target.write_bytes(copy.read())
    return target


def count(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(database)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(opened.execute("SELECT count(*) FROM t").fetchone()[0])


def snapshot(data: Path) -> dict[str, tuple[int, int, Optional[bytes]]]:
    return {
        str(path.relative_to(data)): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(data.rglob("*"))
        if path.is_file()
    }


def choice(data: Path, name: str, *, allow_damaged: bool = False) -> object:
    """Return what becomes of `name` in a backup, with the descriptor already asked for where there is one."""
    root = data.parents[2]
    with data_directory.DataDirectory(Root(str(root)), "/var/lib/teleport", allow_damaged=allow_damaged) as opened:
        path = data / name
        found = opened.tree.choose(f"/var/lib/teleport/{name}", path.lstat())
        if isinstance(found, Instead):
            return saved(found.open(), root / "copy"), found.note
        return found


@needs_root
def test_copies_of_a_busy_database_have_everything_that_was_committed(tmp_path: Path) -> None:
    backend = tmp_path / "teleport" / "backend"
    backend.mkdir(parents=True)
    given_away(backend.parent)
    with (
        hammer.hammering(backend / "sqlite.db", tmp_path / "log", uid=UNPRIVILEGED) as writer,
        copier(backend.parent) as made,
    ):
        for _ in range(20):
            before = writer.committed()
            descriptor = made.copy(b"backend/sqlite.db")
            after = writer.committed() + 1
            seen = hammer.look(saved(descriptor, tmp_path / "copy.db"))
            assert not seen.wrong
            assert before <= seen.last <= after


def test_a_copy_includes_what_is_only_in_the_log(data: Path, tmp_path: Path) -> None:
    path = data / "backend" / "sqlite.db"
    with contextlib.closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(500)])
        writer.commit()
        given_away(data)
        shutil.copy(path, tmp_path / "raw.db")
        with copier(data) as made:
            ours = saved(made.copy(b"backend/sqlite.db"), tmp_path / "ours.db")
    assert count(tmp_path / "raw.db") == 100
    assert count(ours) == 600


def test_a_copy_needs_no_companions_and_leaves_none(data: Path, tmp_path: Path) -> None:
    before = snapshot(data)
    with copier(data) as made:
        ours = saved(made.copy(b"backend/sqlite.db"), tmp_path / "ours.db")
    assert snapshot(data) == before
    assert ours.stat().st_size == (data / "backend" / "sqlite.db").stat().st_size
    # WAL is written in it, as in the original.
    assert ours.read_bytes()[18:20] == b"\2\2"


def test_reads_the_log_of_a_crash_without_changing_it(data: Path, tmp_path: Path) -> None:
    path = data / "backend" / "sqlite.db"
    with contextlib.closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO t VALUES (1)")
        writer.commit()
        for name in ("sqlite.db", "sqlite.db-wal"):
            shutil.copy(data / "backend" / name, tmp_path / name)
    for name in ("sqlite.db", "sqlite.db-wal"):
        shutil.copy(tmp_path / name, data / "backend" / name)
    given_away(data)
    logged = (data / "backend" / "sqlite.db-wal").read_bytes()
    with copier(data) as made:
        assert count(saved(made.copy(b"backend/sqlite.db"), tmp_path / "ours.db")) == 101
    assert (data / "backend" / "sqlite.db-wal").read_bytes() == logged


def test_rolls_back_a_change_that_a_crash_interrupted(data: Path, tmp_path: Path) -> None:
    path = data / "proc.db"
    make(path, rows=5000, journal="DELETE")
    with contextlib.closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA cache_size = 2")
        writer.execute("DELETE FROM t")
        for name in ("proc.db", "proc.db-journal"):
            shutil.copy(data / name, tmp_path / name)
    for name in ("proc.db", "proc.db-journal"):
        shutil.copy(tmp_path / name, data / name)
    given_away(data)
    with copier(data) as made:
        assert count(saved(made.copy(b"proc.db"), tmp_path / "ours.db")) == 5000


@pytest.mark.parametrize(
    "name", ["with space.db", "100%.db", "a?mode=memory.db", "a#b.db", "\u00fcber.db", b"\xff\xfe.db"]
)
def test_copies_a_database_of_any_name(data: Path, tmp_path: Path, name: object) -> None:
    raw = os.fsencode(name) if isinstance(name, str) else name
    assert isinstance(raw, bytes)
    shutil.copy(data / "backend" / "sqlite.db", os.path.join(os.fsencode(data), raw))
    given_away(data)
    with copier(data) as made:
        assert count(saved(made.copy(raw), tmp_path / "ours.db")) == 100


@needs_root
def test_the_child_has_no_rights_and_sees_the_data_directory_only(data: Path, tmp_path: Path) -> None:
    with copier(data) as made:
        os.close(made.copy(b"backend/sqlite.db"))
        child = made._child
        assert child is not None
        status = Path(f"/proc/{child.pid}/status").read_text()
        for line in (
            f"Uid:\t{UNPRIVILEGED}\t{UNPRIVILEGED}\t{UNPRIVILEGED}\t{UNPRIVILEGED}",
            "CapEff:\t0000000000000000",
            "NoNewPrivs:\t1",
        ):
            assert line in status
        assert "Groups:\t \n" in status
        assert os.path.samestat(os.stat(f"/proc/{child.pid}/root"), os.stat(data))


@needs_root
def test_follows_no_link_out_of_the_data_directory(data: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.db"
    make(secret, rows=7)
    secret.chmod(0o600)
    path = data / "backend" / "sqlite.db"
    for target in (str(secret), os.path.relpath(secret, path.parent)):
        path.unlink()
        path.symlink_to(target)
        with copier(data) as made, pytest.raises(errors.FileTrouble, match="no longer a regular file"):
            made.copy(b"backend/sqlite.db")


@needs_root
def test_follows_no_log_out_of_the_data_directory(data: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    for ending in ("-wal", "-shm", "-journal"):
        (data / "backend" / f"sqlite.db{ending}").symlink_to(victim)
    with copier(data) as made, contextlib.suppress(errors.BootstrapError):
        os.close(made.copy(b"backend/sqlite.db"))
    assert victim.read_bytes() == b""


def test_leaves_out_a_database_that_vanishes_before_it_is_copied(data: Path) -> None:
    path = data / "backend" / "sqlite.db"
    facts = path.lstat()
    with data_directory.DataDirectory(Root(str(data.parents[2])), "/var/lib/teleport") as opened:
        for become in (path.unlink, lambda: os.mkfifo(path), lambda: (path.unlink(), path.symlink_to("/etc/passwd"))):
            become()
            found = opened.tree.choose("/var/lib/teleport/backend/sqlite.db", facts)
            assert isinstance(found, Instead)
            with pytest.raises(Gone):
                found.open()


def test_names_a_damaged_database_and_archives_it_as_it_is_on_request(data: Path) -> None:
    path = data / "backend" / "sqlite.db"
    make(data / "backend" / "big.db", rows=20_000, journal="DELETE")
    content = bytearray((data / "backend" / "big.db").read_bytes())
    content[8192:16384] = b"\x5a" * 8192
    path.write_bytes(content)
    (data / "backend" / "sqlite.db-wal").write_bytes(b"")
    given_away(data)
    with pytest.raises(errors.DatabaseDamaged, match=r"backend/sqlite\.db is damaged"):
        choice(data, "backend/sqlite.db")
    with data_directory.DataDirectory(Root(str(data.parents[2])), "/var/lib/teleport", allow_damaged=True) as opened:
        found = opened.tree.choose("/var/lib/teleport/backend/sqlite.db", path.lstat())
        assert isinstance(found, Instead)
        assert "is damaged" in found.note
        with os.fdopen(found.open(), "rb") as taken:
            assert taken.read() == bytes(content)
        beside = data / "backend" / "sqlite.db-wal"
        assert isinstance(opened.tree.choose("/var/lib/teleport/backend/sqlite.db-wal", beside.lstat()), Take)


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[:5000],
        lambda content: b"\0" * 100 + content[100:],
        lambda content: content[:16] + b"\0" * 84 + content[100:],
        lambda content: b"not a database at all",
    ],
    ids=["cut short", "without its head", "with an empty head", "something else"],
)
def test_notices_damage_to_a_database(data: Path, harm) -> None:
    path = data / "backend" / "sqlite.db"
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(errors.DatabaseDamaged):
        choice(data, "backend/sqlite.db")


def test_leaves_out_companions_of_databases_only(data: Path) -> None:
    for name in ("backend/sqlite.db-wal", "backend/sqlite.db-shm", "backend/sqlite.db-journal", "notes-wal", "notes"):
        (data / name).write_bytes(b"x")
        expected = Leave if name.startswith("backend/") else Take
        assert isinstance(choice(data, name), expected), name


def test_reports_a_full_disk_before_writing(data: Path) -> None:
    huge = data / "huge.db"
    huge.write_bytes(databases.MAGIC)
    os.truncate(huge, 1 << 42)
    given_away(data)
    with copier(data) as made, pytest.raises(errors.FileTrouble, match=r"no room for a copy of .*huge\.db"):
        made.copy(b"huge.db")


def test_reports_a_child_that_dies_and_starts_another(data: Path, tmp_path: Path) -> None:
    with copier(data) as made:
        os.close(made.copy(b"backend/sqlite.db"))
        assert made._child is not None
        made._child.send_signal(signal.SIGKILL)
        with pytest.raises(errors.FileTrouble, match="was ended by SIGKILL"):
            made.copy(b"backend/sqlite.db")
        assert count(saved(made.copy(b"backend/sqlite.db"), tmp_path / "ours.db")) == 100


def test_gives_up_on_a_database_that_stays_locked(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "LEAST_SECONDS", 1.0)
    monkeypatch.setattr(databases, "END_SECONDS", 0.5)
    make(data / "locked.db", rows=1, journal="DELETE")
    given_away(data)
    with contextlib.closing(sqlite3.connect(data / "locked.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with copier(data) as made, pytest.raises(errors.FileTrouble, match="did not end within 1 s"):
            made.copy(b"locked.db")
    assert not [name for name in os.listdir(data) if name.startswith(databases_child.SCRATCH_PREFIX)]


def test_removes_copies_of_a_killed_child(data: Path) -> None:
    def scratch() -> list[str]:
        return [name for name in os.listdir(data) if name.startswith(databases_child.SCRATCH_PREFIX)]

    with copier(data) as made:
        os.close(made.copy(b"backend/sqlite.db"))
        first = scratch()
        assert len(first) == 1
        assert os.listdir(data / first[0]) == []
        assert made._child is not None
        made._child.send_signal(signal.SIGKILL)
        made._child.wait()
    assert scratch() == first
    with copier(data) as made:
        os.close(made.copy(b"backend/sqlite.db"))
        assert first[0] not in scratch()
    assert scratch() == []


def test_keeps_copies_of_another_process(data: Path) -> None:
    with copier(data) as one, copier(data) as other:
        os.close(one.copy(b"backend/sqlite.db"))
        os.close(other.copy(b"backend/sqlite.db"))
        os.close(one.copy(b"backend/sqlite.db"))


@needs_root
def test_traps_in_place_of_the_scratch_directory_do_no_harm(data: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (victim / "inner").mkdir(parents=True)
    (victim / "inner" / "file").write_text("kept")
    planted = data / f"{databases_child.SCRATCH_PREFIX}planted"
    planted.symlink_to(victim)
    (data / f"{databases_child.SCRATCH_PREFIX}file").write_text("a file")
    inside = data / f"{databases_child.SCRATCH_PREFIX}directory"
    inside.mkdir()
    (inside / "link").symlink_to(victim)
    given_away(data)
    with copier(data) as made:
        os.close(made.copy(b"backend/sqlite.db"))
    assert (victim / "inner" / "file").read_text() == "kept"


def test_the_child_ends_when_its_parent_was_killed(data: Path) -> None:
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    made = databases.Copier(descriptor, str(data))
    os.close(made.copy(b"backend/sqlite.db"))
    child, ours = made._child, made._socket
    assert child is not None
    assert ours is not None
    # What the kernel does for a process that is gone.
    ours.close()
    end = time.monotonic() + 20
    while child.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    os.close(descriptor)
    assert not [name for name in os.listdir(data) if name.startswith(databases_child.SCRATCH_PREFIX)]
    made._end()


def test_a_hostile_schema_runs_nothing(data: Path, tmp_path: Path) -> None:
    path = data / "hostile.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (n INTEGER)")
        database.execute("INSERT INTO t VALUES (1)")
        # What would run where such a database is read with SQL of one's own.
        database.execute("CREATE VIEW v AS SELECT load_extension('/tmp/x.so') FROM t")
        database.execute("CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT writefile('/tmp/x', 'x'); END")
        database.commit()
    given_away(data)
    with copier(data) as made:
        assert count(saved(made.copy(b"hostile.db"), tmp_path / "ours.db")) == 1
