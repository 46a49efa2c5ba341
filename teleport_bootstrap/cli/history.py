"""`teleport-bootstrap history`: list the generations that were applied."""

from __future__ import annotations

import argparse

from teleport_bootstrap.cli import options, result
from teleport_bootstrap.state import access, current

EXAMPLE = "teleport-bootstrap history"
OPTIONS = ()


def run(arguments: argparse.Namespace) -> result.Result:
    """List the generations that are kept, newest first."""
    root = options.root(arguments)
    access.require(root, "history")
    rows, lines = [], []
    for row, each in current.history(root):
        rows.append(row)
        mark = "*" if row["current"] else " "
        shown = (
            f"{each.made_at}  {each.role}, Teleport {each.teleport_version}, {each.made_by}"
            if each
            else row["unreadable_because"]
        )
        lines.append(f"{mark} {row['generation']:>4}  {shown}")
    return result.Result(lines or ["nothing has been applied yet"], {"generations": rows})
