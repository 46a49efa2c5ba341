"""A tree of files as it is to be installed, independent of who makes it, where, and with which umask."""

from __future__ import annotations

import os
from pathlib import Path

from content import Entry


def stage(directory: Path, found: list[Entry], time: int) -> None:
    """Make `found`, directories before what is in them, below `directory`; everything was last changed at `time`."""
    directory.mkdir()
    directory.chmod(0o755)
    for entry in found:
        path = directory / entry.path.lstrip("/")
        if entry.content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_bytes(entry.content)
        path.chmod(entry.mode)
    for entry in reversed(found):  # a directory changes when something is put into it
        os.utime(directory / entry.path.lstrip("/"), (time, time))
    os.utime(directory, (time, time))
