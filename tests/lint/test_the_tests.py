"""The rules of tests/conftest.py hold for every test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='no tool')\ndef test_it(): pass\n",
    "test": "import pytest\ndef test_it(): pytest.skip('no tool')\n",
    "fixture": "import pytest\n@pytest.fixture\ndef tool(): pytest.skip('no tool')\ndef test_it(tool): pass\n",
    "file": "import pytest\npytest.skip('no tool', allow_module_level=True)\n",
    "module": "import pytest\npytest.importorskip('no_tool')\n",
}
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail(reason='not yet')\ndef test_it(): assert False\n"
SIGNALS = """
import os, signal, subprocess
IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
def test_it():
    said = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True).stdout
    fields = dict(line.split(":", 1) for line in said.splitlines())
    assert (int(fields["SigIgn"], 16), int(fields["SigBlk"], 16)) == (0, 0), "what a test starts"
    for number in IGNORED:
        os.kill(os.getpid(), number)
    child = subprocess.Popen(["sleep", "30"])
    child.send_signal(signal.SIGHUP)
    assert child.wait() == -signal.SIGHUP
"""
CLEAN = "import os\ndef test_it(): assert not {'AWS_PROFILE', 'https_proxy', 'TELEPORT_ROLE'} & set(os.environ)\n"


def run(
    folder: Path, sources: dict[str, str], *more: str, start: Callable[[], object] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest with our conftest on files test_NAME.py with these sources, and return the result.

    The new process calls `start` before it becomes pytest.
    """
    for name, source in sources.items():
        (folder / f"test_{name}.py").write_text(source)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-ra", "--continue-on-collection-errors"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *more, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "CI": "", **environment},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=start,
    )


def test_every_kind_of_skip_fails_in_ci_with_its_reason(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPS, CI="true")
    assert done.returncode == 1
    for name in SKIPS:
        assert re.search(rf"^(FAILED|ERROR) test_{name}\.py", done.stdout, re.MULTILINE), name
    assert done.stdout.count("skipped, and with CI=true nothing may be: ") >= len(SKIPS)
    assert " skipped" not in done.stdout.splitlines()[-1]


def test_every_kind_of_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    done = run(tmp_path, {**SKIPS, "another": "def test_it(): pass\n"})
    assert done.returncode == 0, done.stdout
    assert f"1 passed, {len(SKIPS)} skipped" in done.stdout


def test_an_expected_failure_is_not_a_skip_and_the_environment_is_clean(tmp_path: Path) -> None:
    foreign = {"AWS_PROFILE": "mine", "https_proxy": "http://127.0.0.1:9", "TELEPORT_ROLE": "auth"}
    done = run(tmp_path, {"expected": EXPECTED_FAILURE, "clean": CLEAN}, CI="true", **foreign)
    assert done.returncode == 0, done.stdout


def _as_nohup_and_background_jobs_do() -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)


def _as_a_careless_parent_does() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


@pytest.mark.parametrize("workers", [(), ("--numprocesses=1",)], ids=["one process", "workers"])
def test_issue_17_row_11_what_tests_start_inherits_no_ignored_signal(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """Tests that send SIGHUP failed under `nohup ./dev test`. The run itself still survives what its caller ignores."""
    done = run(tmp_path, {"signals": SIGNALS}, *workers, start=_as_nohup_and_background_jobs_do)
    assert done.returncode == 0, done.stdout + done.stderr


def test_issue_17_row_11_what_tests_start_inherits_no_blocked_signal(tmp_path: Path) -> None:
    source = SIGNALS.replace("for number in IGNORED", "for number in ()")
    done = run(tmp_path, {"signals": source}, start=_as_a_careless_parent_does)
    assert done.returncode == 0, done.stdout + done.stderr
