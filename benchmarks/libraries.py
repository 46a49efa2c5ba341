"""Environments of Python with just the libraries that a side needs, kept outside the checkout for the next run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import Failed


def cache_directory() -> Path:
    """Return the directory for what takes long to make."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "teleport-bootstrap/bench"


def interpreter(packages: Sequence[str], constraints: str = "") -> Path:
    """Return the `python` of an environment with `packages` and what they need, in the versions of `constraints`.

    Nothing else is in it, not even pip, whose .pth files each start of the interpreter would read. Raises Failed.
    """
    wanted = "\n".join((sys.version, *packages, constraints))
    directory = cache_directory() / f"python-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
    python = directory / "bin/python"
    if (directory / "complete").exists():
        return python
    print(f"bench: installing {', '.join(packages)} into {directory}", file=sys.stderr)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    pinned = directory / "constraints.txt"
    pinned.write_text(constraints, encoding="utf-8")
    _run([sys.executable, "-m", "venv", "--without-pip", str(directory)])
    found = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    pip = [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    _run([*pip, "--constraint", str(pinned), "--target", found.stdout.strip(), *packages])
    (directory / "complete").touch()
    return python


def _run(argv: list[str]) -> None:
    done = subprocess.run(
        argv,
        env={**os.environ, "PIP_USER": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(argv)} failed:\n{done.stdout[-2000:]}")
