"""Writes the tree of files to install, independent of user, machine and umask."""

from __future__ import annotations

import os
from pathlib import Path

from content import Entry


def stage(directory: Path, found: list[Entry], time: int) -> None:
    """Write `found`, directories before their content, below `directory`; all have the modification time `time`."""
    directory.mkdir()
    directory.chmod(0o755)
    for entry in found:
        path = directory / entry.path.lstrip("/")
        if entry.content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_bytes(entry.content)
        path.chmod(entry.mode)
    for entry in reversed(found):  # creating a file changes the time of its directory
        os.utime(directory / entry.path.lstrip("/"), (time, time))
    os.utime(directory, (time, time))
