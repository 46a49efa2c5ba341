"""Stand-ins for programs that a test machine does not have, installed where a test wants them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def install_teleport(directory: Path, python: str = sys.executable, **switches: Any) -> Path:
    """Put the stand-in `teleport` into `directory`, run by `python` (which needs PyYAML), and return its path.

    `switches` are those that the script lists at its top; calling again replaces them.
    """
    return _install("teleport", directory, python, switches)


def install_tctl(directory: Path, python: str = sys.executable, **switches: Any) -> Path:
    """The same for the stand-in `tctl`."""
    return _install("tctl", directory, python, switches)


def install_certbot(directory: Path, python: str = sys.executable, **switches: Any) -> Path:
    """The same for the stand-in `certbot`, which needs nothing but Python."""
    return _install("certbot", directory, python, switches)


def install_updater(directory: Path, python: str = sys.executable, **switches: Any) -> Path:
    """The same for the stand-in `teleport-update`, Teleport's own updater, which needs PyYAML."""
    return _install("teleport-update", directory, python, switches)


def install_systemctl(directory: Path, python: str = sys.executable) -> Path:
    """The same for the stand-in `systemctl`, which needs nothing but Python, and has no switches."""
    return _install("systemctl", directory, python, {})


def install_aws(directory: Path, python: str = sys.executable) -> Path:
    """The same for the stand-in `aws`, AWS's command line, which needs botocore, and has no switches."""
    return _install("aws", directory, python, {})


def _install(name: str, directory: Path, python: str, switches: dict[str, Any]) -> Path:
    _, _, rest = (Path(__file__).parent / name).read_text(encoding="utf-8").partition("\n")
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / name
    program.write_text(f"{_first_lines(python)}\n{rest}", encoding="utf-8")
    program.chmod(0o755)
    (directory / f"{name}.switches.json").write_text(json.dumps(switches), encoding="utf-8")
    return program


def _first_lines(python: str) -> str:
    """Return what lets `python` run the script; the kernel ends an interpreter's path at its first space."""
    if " " not in python:
        return f"#!{python}"
    # A shell runs Python with this line; for Python it is an unused string.
    return f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''"
