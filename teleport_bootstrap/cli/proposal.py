"""How a proposed change of this host is shown, for the commands that ask before they change it."""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap import display
from teleport_bootstrap.operations import host_change


def text(proposed: host_change.HostChange, dangers: Sequence[str]) -> list[str]:
    """Return the lines that say what changes, what the `dangers` of that are, and what Teleport does then."""
    lines: list[str] = [display.Difference(each.diff.rstrip()) for each in proposed.differences]
    lines += [f"{path}: a new secret (not shown)" for path in proposed.secrets_change]
    if proposed.edits:
        lines += ["These manual edits will be lost:", display.Difference(proposed.edits.rstrip())]
    lines += [f"DANGER: {danger}" for danger in dangers]
    if not proposed.differences and not proposed.secrets_change:
        lines.append("No file changes; the current files are recorded as applied.")
    lines.append(f"Then {proposed.action} {proposed.unit}, and wait until Teleport is healthy.")
    return lines


def data(proposed: host_change.HostChange) -> dict[str, object]:
    """Return the same for JSON, where the dangers are among the findings."""
    return {
        "action": proposed.action,
        "unit": proposed.unit,
        "differences": proposed.differences,
        "secrets": proposed.secrets_change,
        "edits": proposed.edits or None,
    }
