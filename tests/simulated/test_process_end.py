"""How the command ends: with its status, after its threads and what was registered, and not taken apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulated.agent import CHECKOUT

# Registers something for the end, keeps an object that says when Python takes it apart, and runs the command.
PROGRAM = """
import atexit, os, sys
checkout = sys.argv[1]
sys.argv[:] = ["teleport-bootstrap", *sys.argv[2:]]
sys.path.insert(0, checkout)

class Kept:
    def __del__(self, write=os.write):
        write(2, b"taken apart\\n")

kept = Kept()
atexit.register(os.write, 2, b"registered\\n")
if "--fail-at-the-end" in sys.argv:
    sys.argv.remove("--fail-at-the-end")
    atexit.register(lambda: 1 / 0)
if "--thread" in sys.argv:
    sys.argv.remove("--thread")
    import threading, time
    threading.Thread(target=lambda: time.sleep(0.5) or os.write(2, b"a thread\\n")).start()
sys.stdout.write("kept in a buffer\\n")

from teleport_bootstrap.cli import entry
entry.main()
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-IB", "-c", PROGRAM, str(CHECKOUT), *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("more", [(), ("--fail-at-the-end",)])
def test_issue_16_start_a_command_ends_without_taking_itself_apart(tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / "conf").write_text("TELEPORT_ROLE=mainframe\n")
    done = run("validate", str(tmp_path / "conf"), *more)
    assert done.returncode == 2, done.stderr
    assert done.stdout.splitlines()[-1] == "kept in a buffer"
    assert done.stderr.splitlines()[-1] == "registered"
    assert "taken apart" not in done.stderr and "ZeroDivisionError" not in done.stderr


def test_issue_16_start_a_command_waits_for_threads_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("TELEPORT_ROLE=mainframe\n")
    done = run("validate", str(tmp_path / "conf"), "--thread")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-2:] == ["a thread", "registered"]
