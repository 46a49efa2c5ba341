"""The rules of tests/conftest.py hold for every test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='no tool')\ndef test_it(): pass\n",
    "test": "import pytest\ndef test_it(): pytest.skip('no tool')\n",
    "fixture": "import pytest\n@pytest.fixture\ndef tool(): pytest.skip('no tool')\ndef test_it(tool): pass\n",
    "file": "import pytest\npytest.skip('no tool', allow_module_level=True)\n",
    "module": "import pytest\npytest.importorskip('no_tool')\n",
}
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail(reason='not yet')\ndef test_it(): assert False\n"
CLEAN = "import os\ndef test_it(): assert not {'AWS_PROFILE', 'https_proxy', 'TELEPORT_ROLE'} & set(os.environ)\n"


def run(folder: Path, sources: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with our conftest on files test_NAME.py with these sources, and return the result."""
    for name, source in sources.items():
        (folder / f"test_{name}.py").write_text(source)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-ra", "--continue-on-collection-errors"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "CI": "", **environment},
        capture_output=True,
        text=True,
        check=False,
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
