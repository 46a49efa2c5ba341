"""The shell scripts of this project hold no known trap, and are plain sh where they say so."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
_NOT_OURS = {".git", "build", "dist"}


def shell_scripts() -> Iterator[Path]:
    """Every file of the checkout whose first line names a shell, and every *.sh."""
    for path in sorted(CHECKOUT.rglob("*")):
        parts = path.relative_to(CHECKOUT).parts
        # `./dev` makes several environments: .venv, .venv-newest-3.14, .venv-infrastructure.
        if _NOT_OURS & set(parts) or parts[0].startswith(".venv") or not path.is_file() or path.is_symlink():
            continue
        with path.open("rb") as file:
            first_line = file.readline(100).rstrip()
        if path.suffix == ".sh" or (first_line.startswith(b"#!") and first_line.endswith((b"/sh", b"bash", b"dash"))):
            yield path


def test_the_scripts_are_found() -> None:
    found = {str(path.relative_to(CHECKOUT)) for path in shell_scripts()}
    assert {"dev", ".ci/run"} <= found


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("script", list(shell_scripts()), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_shellcheck(script: Path) -> None:
    done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
