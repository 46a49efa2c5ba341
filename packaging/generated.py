"""Texts that the program generates about itself: manual pages and shell completion."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import isolation

# Runs the program of the checkout with this interpreter, even if another version is installed.
_PROGRAM = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('teleport_bootstrap.manual', run_name='__main__', alter_sys=True)"
)


@functools.cache
def text(checkout: Path, name: str, time: int) -> bytes:
    """Return the text `name` of `teleport_bootstrap.manual`, dated `time`; raises CalledProcessError."""
    command = [sys.executable, "-IB", "-c", _PROGRAM, str(checkout), name]
    return isolation.run(command, time=time, home=checkout).encode()
