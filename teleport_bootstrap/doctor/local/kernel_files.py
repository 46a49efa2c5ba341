"""What the kernel says in /proc, below the root: a scratch directory has none, and another machine's root neither."""

from __future__ import annotations

from teleport_bootstrap import paths
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.host import regular_file

# Each is read whole; the list of a busy proxy's connections is long.
_LIMIT = 64 * 1024 * 1024


def text(root: paths.Root, path: str) -> str | None:
    """Return the content of `path` in /proc, None where it is not there or may not be read."""
    try:
        found = regular_file.read(root.path(path), follow_links=True, limit=_LIMIT)
    except OSError:
        return None
    return found.decode("utf-8", "replace")


def required(root: paths.Root, path: str) -> str:
    """Return the content of `path` in /proc; raises Skipped without it."""
    found = text(root, path)
    if found is None:
        raise Skipped(f"there is no {root.path(path)}: this root directory is not a running system")
    return found
