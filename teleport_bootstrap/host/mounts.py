"""Mount points: they cannot be renamed, and files below them are on another volume."""

from __future__ import annotations

import os
import re

_TABLE = "/proc/self/mountinfo"


def is_mount_point(path: str) -> bool:
    """Return whether `path` is a mount point, including a bind mount of the same file system."""
    return os.path.realpath(path) in _mounted() or os.path.ismount(path)


def below(path: str) -> tuple[str, ...]:
    """Return the mount points below `path`, without `path` itself."""
    start = f"{os.path.realpath(path)}/"
    return tuple(sorted(each for each in _mounted() if each.startswith(start)))


def _mounted() -> frozenset[str]:
    try:
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as file:
            escaped = [line.split(" ")[4] for line in file]
    except (OSError, IndexError):
        return frozenset()
    # The kernel writes blanks and backslashes as octal numbers.
    return frozenset(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path) for path in escaped)
