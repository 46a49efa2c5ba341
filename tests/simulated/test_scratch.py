"""Private temporary directories: many runs at a time, none of which removes what another one has just made."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap.host import scratch
from tests.simulated.agent import CHECKOUT

_PROGRAM = """
import os
from teleport_bootstrap.host import scratch
for number in range(60):
    with scratch.directory("test") as path:
        open(os.path.join(path, "file"), "w").close()
"""


def test_row_10_a_run_that_begins_at_the_same_time_removes_no_directory_that_is_in_use(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TMPDIR": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", _PROGRAM], env=environ, stderr=subprocess.PIPE) for _ in range(4)
    ]
    said = [each.communicate(timeout=60)[1].decode() for each in running]
    assert [each.returncode for each in running] == [0] * 4, said
    assert list(tmp_path.iterdir()) == []


def test_no_other_run_takes_a_directory_that_is_being_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rmdir, was_locked = os.rmdir, []

    def observed(path: Any, **options: Any) -> None:
        (top,) = tmp_path.iterdir()
        descriptor = os.open(top, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            was_locked.append(True)
        else:
            was_locked.append(False)
        finally:
            os.close(descriptor)
        rmdir(path, **options)

    monkeypatch.setattr(os, "rmdir", observed)
    with scratch.directory("test") as path:
        (Path(path) / "inner").mkdir()
    assert list(tmp_path.iterdir()) == [] and was_locked == [True, True]
