"""Teleport's own updater, which is not in charge of a host that is configured from a conf.

It changes the program and then reloads or restarts teleport.service only, so that another role's Teleport would go on
with the old version, without a rollback. The packages hold its units back; its settings stay the operator's.
"""

from __future__ import annotations

import os

from teleport_bootstrap import paths, unit_table
from teleport_bootstrap.finding import WARNING, Finding
from teleport_bootstrap.state import manual_edits


def enabled(root: paths.Root) -> Finding | None:
    """Return that the updater is enabled on this host; asks no one."""
    if not _is_enabled(root):
        return None
    shown = root.path(paths.UPDATER_SETTINGS)
    begin = f"Teleport's updater is enabled in {shown}, but not in charge of a host that teleport-bootstrap configures"
    if is_held_back(root):
        message = f"{begin}: its units do not run here, and this Teleport keeps its version"
        remedy = (
            "run `teleport-update disable`, and update by launching an instance of a newer image; the page "
            "managed-updates.md of the documentation explains it"
        )
    else:
        message = f"{begin}, and nothing holds its units back: it would replace Teleport without a restart or rollback"
        remedy = "run `teleport-update disable`, and install the package of teleport-bootstrap again"
    return Finding(WARNING, "updater-enabled", shown, message, remedy)


def is_held_back(root: paths.Root) -> bool:
    """Whether the drop-in that holds back the updater's service is there, and no other one of its name outranks it."""
    for folder in paths.UNIT_DIRECTORIES:
        path = root.path(f"{folder}/{unit_table.UPDATERS_SERVICE}.d/{unit_table.HOLDS_UPDATER}")
        if os.path.lexists(path):
            # A link to /dev/null, or an empty file, is how an administrator removes a drop-in.
            return os.path.isfile(path) and os.path.getsize(path) > 0
    return False


def _is_enabled(root: paths.Root) -> bool:
    settings = manual_edits.document(manual_edits.text(root, paths.UPDATER_SETTINGS)) or {}
    spec = settings.get("spec")
    return isinstance(spec, dict) and spec.get("enabled") is True
