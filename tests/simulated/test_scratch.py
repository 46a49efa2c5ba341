"""Private temporary directories: many runs at a time, none of which removes what another one has just made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
