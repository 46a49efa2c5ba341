"""`teleport-bootstrap status`: what is configured and what runs, on one screen."""

from __future__ import annotations

import argparse
import dataclasses

from teleport_bootstrap import errors
from teleport_bootstrap.apply import status
from teleport_bootstrap.cli import options, result

EXAMPLE = "teleport-bootstrap status --format json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: none of its own."""


def run(arguments: argparse.Namespace) -> result.Result:
    """Look, and end with a status of its own where something stands between this host and a Teleport that serves."""
    report = status.report(options.where(arguments))
    rows = [
        ("role", report.role or "unknown"),
        ("conf", report.conf),
        ("teleport.yaml", "present" if report.teleport_yaml else "absent"),
        ("marker", ", ".join(report.markers) or "none"),
        ("unit", f"{report.unit or 'unknown'}, {report.unit_state}"),
        ("main pid", str(report.main_pid or "none")),
        ("Teleport", report.teleport or "not installed"),
        ("health", report.ready),
    ]
    lines = [f"{name + ':':<15}{value}" for name, value in rows]
    lines += ["", *(f"- {line}" for line in report.trouble)] if report.trouble else []
    return result.Result(
        "\n".join(lines), dataclasses.asdict(report), errors.UNHEALTHY if report.trouble else errors.OK
    )
