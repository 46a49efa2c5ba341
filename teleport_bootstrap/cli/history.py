"""`teleport-bootstrap history`: list the generations that were applied."""

from __future__ import annotations

import argparse

from teleport_bootstrap import errors
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.state import current, generations

EXAMPLE = "teleport-bootstrap history"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: none of its own."""


def run(arguments: argparse.Namespace) -> result.Result:
    """List the generations that are kept, newest first."""
    root = options.root(arguments)
    now = current.FILE.read_or_warn(root)
    rows: list[dict[str, object]] = []
    lines = []
    for number in reversed(generations.numbers(root)):
        is_current = now is not None and now.generation == number
        mark = "*" if is_current else " "
        try:
            each = generations.load(root, number)
        except errors.GenerationMissing as error:
            lines.append(f"{mark} {number:>4}  {error.message}")
            rows.append({"generation": number, "current": is_current, "trouble": error.message})
            continue
        rows.append(
            {
                "generation": number,
                "current": is_current,
                "made_at": each.made_at,
                "made_by": each.made_by,
                "reason": each.reason,
                "role": each.role,
                "unit": each.unit,
                "teleport_version": each.teleport_version,
                "agent_version": each.agent_version,
                "teleport_yaml_sha256": each.teleport_yaml_sha256,
                "conf_sha256": each.conf_sha256,
            }
        )
        lines.append(
            f"{mark} {number:>4}  {each.made_at}  {each.role}, Teleport {each.teleport_version}, {each.made_by}"
        )
    return result.Result("\n".join(lines or ["nothing has been applied yet"]), {"generations": rows})
