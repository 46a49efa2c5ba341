"""What a command has found and logged beside its result, which its answer with --format json lists too."""

from __future__ import annotations

from teleport_bootstrap.finding import Finding

_found: dict[Finding, None] = {}


def add(found: Finding) -> bool:
    """Keep `found`, and return whether it is new: a command may read the same file several times."""
    is_new = found not in _found
    _found[found] = None
    return is_new


def listed() -> tuple[Finding, ...]:
    """Return what was added, in this order."""
    return tuple(_found)


def forget() -> None:
    """Begin again, as tests do, which share a process."""
    _found.clear()
