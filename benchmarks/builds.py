"""The builds that are measured, laid out as the packages install them: this checkout, and the one of before.

Like there, the interpreter runs with -I and -B, and all bytecode is compiled already.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from benchmarks import libraries
from benchmarks.measuring import Failed

CHECKOUT = Path(__file__).resolve().parents[1]

# The last commit before the work on the speed of a boot: SSM was still asked with botocore.
BEFORE = "ee876fbcd0a91933aacd4679bb6c197ec24cc378"

_LIBRARY = "/usr/share/teleport-bootstrap"
_LAUNCHER = "packaging/teleport-bootstrap"
_PINNED = "tests/requirements-demo.txt"
# What the packages require.
_REQUIRED = ("Jinja2", "PyYAML", "requests")


@dataclass(frozen=True)
class Build:
    """A build that can be run: its interpreter, and its launcher."""

    name: str
    python: Path
    launcher: Path

    def argv(self, *arguments: str) -> tuple[str, ...]:
        """Return the command with `arguments`, as the packages' launcher is run."""
        return (str(self.python), "-IB", str(self.launcher), *arguments)


def this_checkout(scratch: Path) -> Build:
    """Return the build of this checkout, uncommitted changes included, without botocore. Raises Failed."""
    directory = scratch / "this"
    (directory / "packaging").mkdir(parents=True)
    shutil.copy(CHECKOUT / _LAUNCHER, directory / _LAUNCHER)
    shutil.copytree(
        CHECKOUT / "teleport_bootstrap",
        directory / "teleport_bootstrap",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    pinned = (CHECKOUT / _PINNED).read_text(encoding="utf-8")
    return _installed("this checkout", directory, libraries.interpreter(_REQUIRED, pinned))


def before(scratch: Path, commit: str) -> Optional[Build]:
    """Return the build of `commit`, with the botocore that it requires, or None where git does not have the commit.

    Raises Failed.
    """
    if not _git_has(commit):
        return None
    directory = scratch / "before"
    directory.mkdir()
    archive = subprocess.run(
        ["git", "archive", commit, "teleport_bootstrap", _LAUNCHER, _PINNED],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        check=True,
    )
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive.stdout, check=True)
    pinned = (directory / _PINNED).read_text(encoding="utf-8")
    return _installed(commit, directory, libraries.interpreter((*_REQUIRED, "botocore"), pinned))


def _git_has(commit: str) -> bool:
    try:
        found = subprocess.run(
            ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=CHECKOUT, capture_output=True, check=False
        )
    except FileNotFoundError:
        return False
    return found.returncode == 0


def _installed(name: str, directory: Path, python: Path) -> Build:
    """Let the launcher in `directory` find its library there, and compile all bytecode."""
    launcher = directory / _LAUNCHER
    text = launcher.read_text(encoding="utf-8")
    if _LIBRARY not in text:
        raise Failed(f"{_LAUNCHER} of {name} does not name {_LIBRARY}, where the packages install the library")
    launcher.write_text(text.replace(_LIBRARY, str(directory)), encoding="utf-8")
    # As py3compile does it when a package is installed.
    done = subprocess.run(
        [str(python), "-I", "-m", "compileall", "-q", str(directory / "teleport_bootstrap")],
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"could not compile {name}")
    return Build(name, python, launcher)
