"""The command as the packages install it: what happens before a module of this project is loaded."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.simulated.agent import CHECKOUT

LAUNCHER = CHECKOUT / "packaging/teleport-bootstrap"


def launcher(directory: Path) -> str:
    """Return a launcher that loads the modules below `directory`."""
    text = LAUNCHER.read_text()
    assert "/usr/share/teleport-bootstrap" in text
    path = directory / "teleport-bootstrap"
    path.write_text(text.replace("/usr/share/teleport-bootstrap", str(directory)))
    return str(path)


def test_issue_15_row_13_ctrl_c_while_modules_are_loaded_leaves_no_traceback(tmp_path: Path) -> None:
    package = tmp_path / "teleport_bootstrap"
    package.mkdir()
    (package / "__init__.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(30)\n")
    process = subprocess.Popen(
        [sys.executable, "-IB", launcher(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    # A shell shows this as 130.
    assert (process.returncode, errors) == (-signal.SIGINT, "")


def test_issue_15_row_13_a_command_that_runs_answers_ctrl_c_itself(tmp_path: Path) -> None:
    (tmp_path / "teleport_bootstrap").symlink_to(CHECKOUT / "teleport_bootstrap")
    process = subprocess.Popen(
        [sys.executable, "-IB", launcher(tmp_path), "validate", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    # It waits for the rest of the conf once it has read the first line.
    process.stdin.write("TELEPORT_ROLE=auth\n")
    process.stdin.flush()
    end = time.monotonic() + 5  # where the kernel does not tell what a process waits for
    while process.poll() is None and not _waits_for_input(process.pid) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "teleport-bootstrap: interrupted\n")


def _waits_for_input(process_id: int) -> bool:
    """Whether the process is in a system call that reads a pipe, after it has read what was there."""
    return "pipe" in Path(f"/proc/{process_id}/wchan").read_text()


def test_issue_15_row_13_ctrl_c_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    (tmp_path / "teleport_bootstrap").symlink_to(CHECKOUT / "teleport_bootstrap")
    shell = f"trap '' INT; kill -INT $$; exec {sys.executable} -IB {launcher(tmp_path)} --version"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("teleport-bootstrap ")
