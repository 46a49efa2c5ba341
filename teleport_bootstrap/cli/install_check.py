"""`teleport-bootstrap install-check`: say how this agent takes over a host with a Teleport of its own.

Nothing is changed.
"""

from __future__ import annotations

import argparse

from teleport_bootstrap import display, errors
from teleport_bootstrap.cli import options, result, sources
from teleport_bootstrap.finding import Line
from teleport_bootstrap.operations import install_check

EXAMPLE = "teleport-bootstrap install-check --format json"
OPTIONS = ()


def run(arguments: argparse.Namespace) -> result.Result:
    """Print what was found, a conf for the host, what that changes, and the steps."""
    report = install_check.run(options.root(arguments), sources.ANY_INSTANCE)
    data = {
        "teleport_version": report.version,
        "running": report.running.is_active,
        "main_pid": report.running.main_pid or None,
        "teleport_yaml": report.teleport_yaml,
        "data_directory": report.data_directory,
        "configured": report.is_configured,
        "role": report.proposal.role.value if report.proposal is not None else None,
        "conf": report.proposal.text if report.proposal is not None else None,
        "to_fill": report.proposal.to_fill if report.proposal is not None else (),
        "overridden": report.overridden,
        "unit": report.unit,
        "restart_because": report.restart or None,
        "can_be_adopted": report.can_be_adopted,
        "steps": report.steps,
    }
    status = errors.OK if report.can_be_adopted else errors.CONF_OR_USAGE
    return result.Result(_text(report), data, status, findings=report.findings)


def _text(report: install_check.Report) -> list[str]:
    running = f"runs as process {report.running.main_pid}" if report.running.is_active else "does not run"
    lines = [
        f"teleport:  {report.version}, {running} in {install_check.PACKAGES_UNIT}",
        f"config:    {report.teleport_yaml}",
        f"data:      {report.data_directory}",
    ]
    if report.is_configured:
        lines.append("conf:      there is one already; `teleport-bootstrap plan` says what it would change")
    if report.proposal is not None:
        lines += ["", display.Heading(f"A conf for this {report.proposal.role.value}")]
        lines.append(display.Block(report.proposal.text))
        if report.overridden:
            lines += [display.Heading("What `adopt` keeps beside it"), *(f"  {each}" for each in report.overridden), ""]
        lines.append(f"RESTART: {report.restart}" if report.restart else "Nothing has to be restarted.")
    lines += [Line("error: " if each.is_error else "warning: ", each) for each in report.findings]
    if report.can_be_adopted:
        lines += ["", display.Heading("Steps"), *(f"  {number}. {each}" for number, each in enumerate(report.steps, 1))]
    return lines
