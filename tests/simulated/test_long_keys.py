"""Issue 14, row 7: a key of 60 MB in Teleport's database takes little memory, and little of the screen."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from teleport_bootstrap.backup import databases_child
from teleport_bootstrap.paths import Root
from teleport_bootstrap.restore import local_data, local_data_child
from tests.simulated.test_backup_databases import copier

MEBIBYTE = 1024 * 1024


def with_key(data: Path, size: int) -> Path:
    path = data / "backend" / "sqlite.db"
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path)) as opened:
        opened.execute("CREATE TABLE kv (key TEXT NOT NULL PRIMARY KEY, value BLOB)")
        opened.execute("INSERT INTO kv VALUES ('/web/users/alice/params', 'x')")
        opened.execute("INSERT INTO kv VALUES ('/web/users/' || ?, 'x')", ("k" * size,))
        opened.commit()
    return path


def child(data: Path, tmp_path: Path) -> tuple[list[str], int]:
    """Return what the child that lists keys prints, and the most memory that it had, in bytes."""
    code = (
        "import runpy, sys\n"
        "path = sys.argv.pop(1)\n"
        "try:\n"
        "    runpy.run_path(path, run_name='__main__')\n"
        "finally:\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    print(next(each for each in lines if each.startswith('VmHWM')), file=sys.stderr)\n"
    )
    copies = tmp_path / "copies"
    copies.mkdir(exist_ok=True)
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        words = [local_data_child.__file__, str(descriptor), str(os.geteuid()), "0", "backend/sqlite.db", str(copies)]
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, *words], capture_output=True, pass_fds=(descriptor,), check=False
        )
    finally:
        os.close(descriptor)
    return json.loads(done.stdout), int(done.stderr.split()[-2]) * 1024


def test_row_7_a_long_key_is_named_by_its_beginning_in_bounded_memory(tmp_path: Path) -> None:
    with_key(tmp_path / "long", 60_000_000)
    with_key(tmp_path / "short", 10)
    keys, most = child(tmp_path / "long", tmp_path)
    _, usual = child(tmp_path / "short", tmp_path)
    assert keys[0] == "/web/users/alice/params" and len(keys) == 2 and len(keys[1]) <= 200
    assert most - usual < 80 * MEBIBYTE


@pytest.mark.parametrize("size", [60_000_000, 100_000_000])
def test_row_7_what_is_said_of_a_database_with_a_long_key_is_short(tmp_path: Path, size: int) -> None:
    with_key(tmp_path / "var" / "lib" / "teleport", size)
    said = local_data.describe(Root(str(tmp_path)))
    assert len(said) == 1 and len(said[0]) < 1000, [each[:200] for each in said]
    assert ("alice" in said[0]) is (size < 72 * MEBIBYTE)
    assert ("takes more than" in said[0]) is (size > 72 * MEBIBYTE)


def test_row_7_a_database_with_a_long_key_can_be_copied_in_bounded_memory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    path = with_key(data, 60_000_000)
    with copier(data) as made:
        descriptor = made.copy(b"backend/sqlite.db")
        assert os.fstat(descriptor).st_size == path.stat().st_size
        os.close(descriptor)
        assert made._child is not None
        status = Path(f"/proc/{made._child.pid}/status").read_text()
        (most,) = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    assert most < databases_child.MOST_MEMORY + 40 * MEBIBYTE
