"""Issue 14, row 8: a file that cannot be read makes a backup incomplete; it is named, and all the rest is there."""

from __future__ import annotations

import ast
import contextlib
import errno
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import attributes, interface, members, pack, verify, walk
from teleport_bootstrap.backup import databases
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.host import clock, regular_file
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import backup
from teleport_bootstrap.paths import Root
from tests import answers
from tests.simulated import backing_up
from tests.simulated.agent import Agent, needs_root
from tests.simulated.backing_up import give_away, left_behind, listed, made
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.unit.archive.crafted import InMemory

DATA = "/var/lib/teleport"
INCOMPLETE = 19


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return backing_up.prepared(tmp_path_factory.mktemp("prepared") / "root")


@pytest.fixture
def agent(tmp_path: Path, prepared: Path, imds: emulator.Server) -> Agent:
    return backing_up.copied(prepared, tmp_path / "root", imds)


def incomplete(agent: Agent, *arguments: str) -> Any:
    done = agent.run("--format", "json", "backup", *arguments)
    assert done.status == INCOMPLETE, (done.status, done.errors)
    assert done.data["incomplete"] is True
    for each in done.data["missing"]:
        assert interface.printable(each["path"][1:]) in done.errors
    return done.data


def missing(data: Any) -> dict[str, str]:
    return {each["path"]: each["reason"] for each in data["missing"]}


def sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


@contextlib.contextmanager
def held(code: str, *paths: Path) -> Iterator[None]:
    """Run `code` with these paths in another process, which holds something on them while the body runs."""
    whole = f"{code}\nprint('held', flush=True)\nsys.stdin.read()\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", whole, *map(str, paths)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None and holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.stdin.close()
        holder.wait(timeout=20)
        holder.stdout.close()


# As its owner, who does not give it up when asked.
LEASE = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
facts = os.stat(sys.argv[1])
file = os.open(sys.argv[1], os.O_RDONLY)
os.geteuid() or os.setuid(facts.st_uid)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
"""
LOCK = """
import sqlite3, sys
held = [sqlite3.connect(path, isolation_level=None) for path in sys.argv[1:]]
for each in held:
    each.execute("BEGIN EXCLUSIVE")
"""


def test_row_8_leaves_out_and_names_each_file_that_cannot_be_read(agent: Agent, tmp_path: Path) -> None:
    data = agent.path(DATA)
    sparse(data / "holes", 200 * 1024**3)
    sparse(data / "few-holes", 64 * 1024**2)
    (data / "garbage.db").write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    (data / "proc" / "sqlite.db").write_bytes(b"not a database")
    (data / "plain.db").write_bytes(b"no database at all")
    deep = data / "deep" / "/".join("d" * 257)
    deep.mkdir(parents=True)
    (deep / "lost").write_text("too deep")
    os.mkfifo(data / "pipe")
    give_away(agent)
    with held(LEASE, data / "host_uuid"):
        begun = time.monotonic()
        done = incomplete(agent)
        assert time.monotonic() - begun < 30
    found = missing(done)
    assert "holds a lease" in found[f"{DATA}/host_uuid"]
    assert "sparse" in found[f"{DATA}/holes"]
    assert "damaged" in found[f"{DATA}/garbage.db"]
    assert "damaged" in found[f"{DATA}/proc/sqlite.db"]
    assert len(found) == 5 and any("directories deep" in why for why in found.values())
    # What is usual is no more than a note.
    assert any("is a named pipe" in each for each in answers.lines(done, "note"))
    names = set(backing_up.members(done["archive"]))
    for name in ("license.pem", "backend/sqlite.db", "few-holes", "plain.db", "log/upload/streaming/default/one.tar"):
        assert f"{DATA}/{name}".lstrip("/") in names
    assert {"etc/teleport.yaml", "etc/teleport.d/conf", "var/lib/teleport-bootstrap/current.json"} <= names
    for name in ("holes", "host_uuid", "garbage.db", "proc/sqlite.db"):
        assert f"{DATA}/{name}".lstrip("/") not in names
    assert left_behind(agent) == []


def test_row_8_shows_an_incomplete_backup_wherever_backups_are_shown(agent: Agent) -> None:
    (agent.path(DATA) / "proc" / "sqlite.db").write_bytes(b"not a database")
    done = incomplete(agent)
    assert [(each["verified"], each["incomplete"]) for each in listed(agent)] == [(True, True)]
    assert "incomplete" in agent.run("backup", "list").output
    verified = agent.run("backup", "verify", done["archive"])
    assert verified.status == INCOMPLETE
    assert "incomplete" in verified.output and f"{DATA}/proc/sqlite.db" in verified.output
    job = json.loads(agent.path(f"{paths.JOBS}/backup.json").read_text())
    assert (job["outcome"], job["last_success"]) == ("incomplete", None)
    assert f"{DATA}/proc/sqlite.db" in job["detail"]
    assert "incomplete" in agent.run("status").output
    # The next one that is complete counts again.
    (agent.path(DATA) / "proc" / "sqlite.db").unlink()
    made(agent)
    assert json.loads(agent.path(f"{paths.JOBS}/backup.json").read_text())["outcome"] == "succeeded"


def test_row_8_keep_spares_complete_backups_and_limits_incomplete_ones(agent: Agent) -> None:
    complete = made(agent)["name"]
    (agent.path(DATA) / "proc" / "sqlite.db").write_bytes(b"not a database")
    names = [incomplete(agent, "--keep", "1")["name"] for _ in range(2)]
    assert [each["name"] for each in listed(agent)] == [names[-1], complete]


def test_row_8_an_incomplete_backup_in_s3_is_marked_too(agent: Agent, aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket="acme-backups")
    agent.aws = aws.url
    place = "s3://acme-backups/teleport"
    complete = made(agent, place)["name"]
    (agent.path(DATA) / "proc" / "sqlite.db").write_bytes(b"not a database")
    latest = [incomplete(agent, place, "--keep", "1")["name"] for _ in range(2)][-1]
    shown = [(each["name"], each["verified"], each["incomplete"]) for each in listed(agent, place)]
    assert shown == [(latest, True, True), (complete, True, False)]
    keys = [each["Key"] for each in aws.client("s3").list_objects_v2(Bucket="acme-backups")["Contents"]]
    assert len(keys) == 4


def test_row_8_a_locked_database_is_waited_for_in_bounds(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(databases, "BUSY_SECONDS", 1.0)
    monkeypatch.setattr(databases, "BUSY_SECONDS_IN_ALL", 1.5)
    monkeypatch.setattr(databases, "BUSY_SECONDS_AT_LEAST", 0.1)
    caplog.set_level("INFO", "teleport_bootstrap")
    locked = [backing_up.database(agent, f"{DATA}/locked-{number}/sqlite.db", 5) for number in range(4)]
    for path in locked:
        with contextlib.closing(sqlite3.connect(path)) as opened:
            opened.execute("PRAGMA journal_mode = DELETE")
    give_away(agent)
    with held(LOCK, *locked):
        begun = time.monotonic()
        root = Root(str(agent.root))
        wishes = backup.Wishes(destination.parse(None, root))
        done = backup.run(gather.Doors(root, agent.environment(), 20.0), wishes)
        assert time.monotonic() - begun < 20
    assert [each.path for each in done.packed.missing] == [
        f"{DATA}/locked-{number}/sqlite.db".lstrip("/") for number in range(4)
    ]
    assert all("locked" in each.text for each in done.packed.missing)
    assert "is locked by another process: waiting up to 1 s for it" in caplog.text
    assert not done.is_complete


def test_row_8_many_databases_that_take_time_cannot_stall_a_backup(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their owner may make any number of them; Teleport's own are always tried."""
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.3)
    monkeypatch.setattr(databases, "BUSY_SECONDS_IN_ALL", 0.3)
    monkeypatch.setattr(databases, "BUSY_SECONDS_AT_LEAST", 0.3)
    monkeypatch.setattr(databases, "USUAL_SECONDS", 0.0)
    monkeypatch.setattr(databases, "LOST_SECONDS_IN_ALL", 0.1)
    locked = [backing_up.database(agent, f"{DATA}/a-{number}.db", 5) for number in range(20)]
    for path in locked:
        with contextlib.closing(sqlite3.connect(path)) as opened:
            opened.execute("PRAGMA journal_mode = DELETE")
    give_away(agent)
    with held(LOCK, *locked):
        root = Root(str(agent.root))
        wishes = backup.Wishes(destination.parse(None, root))
        done = backup.run(gather.Doors(root, agent.environment(), 20.0), wishes)
    untried = [each for each in done.packed.missing if "is not tried" in each.text]
    assert len(done.packed.missing) == 20 and len(untried) >= 16
    names = set(backing_up.members(done.place))
    assert {f"{DATA}/{name}/sqlite.db".lstrip("/") for name in ("backend", "proc")} <= names


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
def test_row_8_a_pipe_beside_a_database_does_not_stop_its_copy(agent: Agent, ending: str) -> None:
    """SQLite opens those files as they are, and would wait for the other end of a pipe."""
    trap = backing_up.database(agent, f"{DATA}/trap/sqlite.db", 5)
    os.mkfifo(f"{trap}{ending}")
    give_away(agent)
    begun = time.monotonic()
    done = incomplete(agent)
    assert time.monotonic() - begun < 30
    assert list(missing(done)) == [f"{DATA}/trap/sqlite.db"]
    assert f"its {ending} is not a regular file" in missing(done)[f"{DATA}/trap/sqlite.db"]


def test_row_8_each_missing_file_has_a_line_of_its_own(agent: Agent) -> None:
    for number in range(3):
        (agent.path(DATA) / f"garbage-{number}\nfake.db").write_bytes(databases.MAGIC + b"garbage")
    give_away(agent)
    done = agent.run("backup")
    lines = [each for each in done.errors.splitlines() if each.startswith("missing: ")]
    assert done.status == INCOMPLETE and len(lines) == 3, done.errors
    assert all(f"garbage-{number}\\nfake.db: the database" in line for number, line in enumerate(lines))


@pytest.mark.parametrize(
    "program", ["while True: sys.stderr.write('x' * 9999)", "sys.stderr.write('why\\n'); sys.exit(3)"]
)
def test_row_7_what_the_child_that_copies_says_is_bounded(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    (tmp_path / "child.py").write_text(
        f"import os, signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{program}\n"
    )
    monkeypatch.setattr(databases.databases_child, "__file__", str(tmp_path / "child.py"))
    monkeypatch.setattr(databases, "END_SECONDS", 0.3)
    monkeypatch.setattr(databases, "LEAST_SECONDS", 2.0)
    data = os.open(agent.path(DATA), os.O_RDONLY)
    try:
        with databases.Copier(data, DATA) as copier, pytest.raises(errors.FileTrouble) as caught:
            copier.copy(b"proc/sqlite.db")
    finally:
        os.close(data)
    assert ("did not end within" if "while" in program else "status 3: why") in caught.value.message


def test_row_8_something_else_in_place_of_what_a_host_needs_is_missing(agent: Agent) -> None:
    data = agent.path(DATA)
    (data / "host_uuid").unlink()
    os.mkfifo(data / "host_uuid")
    (data / "backend").rename(data / "elsewhere")
    (data / "backend").symlink_to("elsewhere")
    give_away(agent)
    assert set(missing(incomplete(agent))) == {f"{DATA}/host_uuid", f"{DATA}/backend"}


def test_row_8_a_destination_that_cannot_be_written_still_fails(agent: Agent) -> None:
    (agent.path(DATA) / "proc" / "sqlite.db").write_bytes(b"not a database")
    agent.write("/file", "")
    done = agent.run("backup", str(agent.path("/file/below")))
    assert done.status == 6
    assert listed(agent) == []


@needs_root
@pytest.mark.parametrize("what", ["proc/sqlite.db", "host_uuid"])
def test_row_8_restore_refuses_without_what_a_host_needs_unless_asked(agent: Agent, what: str) -> None:
    path = agent.path(DATA) / what
    path.unlink()
    os.mkfifo(path)
    give_away(agent)
    place = incomplete(agent)["archive"]
    refused = agent.run("restore", place, "--dry-run", "--force")
    assert refused.status == 2, refused.errors
    assert f"{DATA}/{what}" in refused.errors and "--allow-incomplete" in refused.errors
    shown = agent.run("restore", place, "--dry-run", "--force", "--allow-incomplete")
    assert shown.status == 0, shown.errors
    assert "verified, but incomplete" in shown.output
    assert f"WARNING: the backup is incomplete, and this will be missing here: {DATA}/{what}" in shown.output


@needs_root
def test_row_8_restore_names_missing_recordings_and_goes_on(agent: Agent) -> None:
    sparse(agent.path(DATA) / "log" / "big.tar", 200 * 1024**3)
    give_away(agent)
    place = incomplete(agent)["archive"]
    shown = agent.run("restore", place, "--dry-run", "--force")
    assert shown.status == 0, shown.errors
    assert f"WARNING: the backup is incomplete, and this will be missing here: {DATA}/log/big.tar" in shown.output


def test_row_8_restore_prefers_a_complete_backup_over_a_newer_incomplete_one(agent: Agent) -> None:
    complete = made(agent)["archive"]
    (agent.path(DATA) / "proc" / "sqlite.db").write_bytes(b"not a database")
    newer = incomplete(agent)["name"]
    done = agent.run("restore", str(agent.path(backing_up.BACKUPS)), "--dry-run", "--force")
    assert f"choosing {complete} instead of {newer}" in done.errors


# ---- each call that reads ----


READING = (walk, members, attributes, regular_file)


def calls_of_os() -> set[str]:
    """Return the functions of `os` that packing uses to look at files, found in its source."""
    found = set()
    for module in READING:
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            named = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
            if named is not None and isinstance(named.value, ast.Name) and named.value.id == "os":
                found.add(named.attr)
    return found - {"close", "fsencode", "geteuid"} - {"chown", "setxattr", "fchmod", "utime"}


class Faulty:
    """The functions of `os` during packing; the call number `fail_at` of `name` fails with `code`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: dict[str, int] = {}
        self.name, self.fail_at, self.code = "", -1, errno.EIO
        self.active = False
        for name in calls_of_os():
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if not self.active or sys._getframe(1).f_globals["__name__"] not in {each.__name__ for each in READING}:
                return real(*arguments, **named)
            self.counts[name] = self.counts.get(name, 0) + 1
            if (name, self.counts[name]) == (self.name, self.fail_at):
                raise OSError(self.code, os.strerror(self.code))
            return real(*arguments, **named)

        return call

    def pack(self, top: Path, name: str = "", fail_at: int = -1, code: int = errno.EIO) -> interface.Verified:
        self.counts, self.name, self.fail_at, self.code = {}, name, fail_at, code
        sink: list[bytes] = []
        collector = type("Sink", (), {"write": lambda _, data: sink.append(data)})()
        self.active = True
        try:
            pack.pack(collector, {}, [interface.Tree(str(top))], root=Root("/"), compression="gzip")
        finally:
            self.active = False
        return verify.verify(InMemory(b"".join(sink)))


def test_row_8_no_call_that_fails_ends_a_backup_or_goes_unnoticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "data"
    (top / "below").mkdir(parents=True)
    (top / "below" / "small").write_text("small")
    (top / "large").write_bytes(os.urandom(members.SMALL + 1))
    sparse(top / "sparse", 4 * 1024**2)
    (top / "link").symlink_to("small")
    (top / "pipe.d").mkdir()
    monkeypatch.setattr(clock, "SYSTEM", clock.Clock(sleep=lambda _: None, wall=lambda: time.time() + 60))
    faulty = Faulty(monkeypatch)
    with faulty.pack(top) as whole:
        assert not whole.missing
        everything = {each.path for each in whole.entries()}
    counts = faulty.counts
    assert {"open", "stat", "fstat", "listdir", "read", "pread", "lseek", "readlink", "listxattr"} <= set(counts)
    for name, count in counts.items():
        for number in range(1, count + 1):
            for code in (errno.EIO, errno.EACCES):
                with faulty.pack(top, name, number, code) as found:
                    place = f"{name} number {number}: {os.strerror(code)}"
                    lost = everything - {each.path for each in found.entries()}
                    if name == "fstat" and not lost and not found.missing:
                        # Whether a file was written to meanwhile: it is read again, or in the archive by then.
                        assert len(found.notes) <= 1, place
                        continue
                    assert found.missing_in_all == 1, place
                    (missed,) = found.missing
                    assert all(path == missed.path or path.startswith(f"{missed.path}/") for path in lost), place


def test_row_8_trouble_of_this_process_ends_the_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    faulty = Faulty(monkeypatch)
    for code in (errno.EMFILE, errno.ENOMEM):
        with pytest.raises(Exception, match="cannot be read"):
            faulty.pack(tmp_path, "open", 2, code)


@pytest.mark.parametrize("descriptors", [24, 36])
def test_row_11_a_lower_limit_of_descriptors_is_kept_by_what_copies_the_databases(
    agent: Agent, descriptors: int
) -> None:
    """A limit that cannot be raised made good databases look missing, with status 19."""
    prefix = ("bash", "-c", f'ulimit -n {descriptors}; exec "$@"', "bash")
    done = agent.run("backup", "--without-tables", "--wait", "2", prefix=prefix)
    assert done.status == 0, done.errors
