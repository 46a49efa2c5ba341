"""The manual pages render without warnings in man, groff and mandoc."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from teleport_bootstrap.manual import completion

CHECKOUT = Path(__file__).resolve().parents[2]
CHECKS = {
    "man": ("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"),
    "groff": ("groff", "-man", "-ww", "-b", "-Kutf8", "-Tutf8", "-z"),
    "mandoc": ("mandoc", "-Tlint", "-Wwarning"),
}


@pytest.fixture(scope="module", params=["man8", "man5"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("manual") / f"page.{request.param[-1]}"
    made = subprocess.run(
        [sys.executable, "-m", "teleport_bootstrap.manual", request.param],
        cwd=CHECKOUT,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=True,
    )
    path.write_bytes(made.stdout)
    return path


@pytest.mark.parametrize("program", CHECKS)
def test_renders_without_warnings(page: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [*CHECKS[program], str(page)],
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    said = done.stderr + (done.stdout if program == "mandoc" else b"")
    assert (done.returncode, said.decode()) == (0, "")


def test_the_checks_find_a_warning(tmp_path: Path) -> None:
    bad = tmp_path / "bad.8"
    bad.write_text('.TH X 8 "2024-01-01"\n.SH NAME\nx \\- y\n.XX no such macro\n')
    for program, command in CHECKS.items():
        if shutil.which(program) is not None:
            done = subprocess.run([*command, str(bad)], capture_output=True, check=False)
            assert b"XX" in done.stderr + done.stdout, program


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_what_is_added_to_the_bash_completion_passes_shellcheck(tmp_path: Path) -> None:
    script = tmp_path / "teleport-bootstrap"
    script.write_text(completion.BASH)
    done = subprocess.run(["shellcheck", "-s", "bash", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
