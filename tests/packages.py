"""Builds packages for tests from a copy of the checkout, which a test may change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

CHECKOUT = Path(__file__).resolve().parents[1]
NAME = "teleport-bootstrap"

# What a build needs: programs, and the libraries of this interpreter.
PLAIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}


@dataclass(frozen=True)
class Built:
    """The result of a build and its packages."""

    status: int
    said: str
    deb: Optional[Path]
    rpm: Optional[Path]


def copy_of_checkout(to: Path) -> Path:
    """Copy all files of the project with its history to `to`, and return that."""
    ours = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **_trusting()},
    ).stdout
    for name in ours.split("\0"):
        source = CHECKOUT / name
        if name and source.is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, to / name)
    shutil.copytree(CHECKOUT / ".git", to / ".git", ignore=shutil.ignore_patterns("*.lock"))
    return to


def build(checkout: Path, output: Path, *formats: str, umask: int = 0o022, **environ: str) -> Built:
    """Build the packages of `checkout` into `output`, as `./dev package` does."""

    def prepare() -> None:
        os.umask(umask)

    done = subprocess.run(
        [sys.executable, "-B", str(checkout / "packaging/build.py"), "--output", str(output), *formats],
        cwd="/",
        env={**PLAIN, **environ},
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=prepare,
    )
    return Built(done.returncode, done.stdout + done.stderr, _only(output, "*.deb"), _only(output, "*.rpm"))


def change(checkout: Path, path: str, how: Callable[[str], str]) -> None:
    """Change a file of a copy."""
    file = checkout / path
    before = file.read_text(encoding="utf-8")
    after = how(before)
    assert after != before, f"{path} was not changed"
    file.write_text(after, encoding="utf-8")


def _only(directory: Path, pattern: str) -> Optional[Path]:
    found = list(directory.glob(pattern)) if directory.is_dir() else []
    return found[0] if found else None


def _trusting() -> dict[str, str]:
    """Let git read another user's checkout, as root finds it under sudo."""
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(CHECKOUT)}
