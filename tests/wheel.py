"""Builds the wheel of this checkout, as pip and pipx do, without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.packages import CHECKOUT, PLAIN


def build(scratch: Path) -> Path:
    """Build from a copy: setuptools writes beside the sources."""
    copy = scratch / "sources"
    copy.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, copy / name)
    shutil.copytree(
        CHECKOUT / "teleport_bootstrap", copy / "teleport_bootstrap", ignore=shutil.ignore_patterns("__pycache__")
    )
    options = ["--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check", "--no-cache-dir"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(scratch / "built"), str(copy)],
        env={**PLAIN, "HOME": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (scratch / "built").glob("teleport_bootstrap-*.whl")
    return wheel
