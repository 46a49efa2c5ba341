"""`teleport-bootstrap validate`: list every problem of a conf, without changing anything."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from teleport_bootstrap import errors, finding, records
from teleport_bootstrap.change import boot_service
from teleport_bootstrap.cli import options, result, sources
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.instance import fips_sources, gather
from teleport_bootstrap.plan import effects, overrides, planner, requirements, teleport_build
from teleport_bootstrap.state import restore_record

# What is in it decides nothing that is valid or not.
_INSTANCE = facts.Facts("10.0.0.12", "ip-10-0-0-12.ec2.internal", "i-0123456789abcdef0", "us-east-1", "203.0.113.12")
# The instance may have any release of the newest major, and a conf is not invalid for what only the first ones lack.
_LATEST = records.replace(teleport_build.NEWEST, minor=99)

EXAMPLE = "teleport-bootstrap validate ./conf --format json"
OPTIONS = (
    options.option("conf", "the file to check, - for standard input", nargs="?", metavar="CONF"),
    options.flag("--fips", "check for a FIPS build of Teleport"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Print every problem, and end with the status for an invalid conf if there is one."""
    root = options.root(arguments)
    data, path = sources.conf_data(root, arguments.conf)
    inspection = conf_file.inspect(data, path)
    problems = requirements.all_errors(inspection, fips=arguments.fips) if inspection.errors else ()
    notes: tuple[str, ...] = ()
    if inspection.conf is not None:
        # Another file than the instance's own may be for another image, and `render` merges no overrides into it.
        is_own = arguments.conf is None
        said = (
            fips_sources.read(root, inspection.conf).is_fips
            if is_own
            else inspection.conf.value(variables.TELEPORT_FIPS)
        )
        fips = arguments.fips or said is True
        problems, notes = _planned(inspection.conf, gather.overrides(root) if is_own else (), fips=fips)
    lines: list[str] = [finding.Line("error: ", each) for each in problems]
    lines += [finding.Line("warning: ", each) for each in inspection.warnings]
    lines += [f"note: {note}" for note in notes]
    if not problems:
        lines.append(f"{path}: valid, {len(inspection.variables)} assignments")
    step = boot_service.applying(root, data) if arguments.conf is None and not problems else ""
    lines += [f"next step: `{step}` applies it"] if step else []
    return result.Result(
        lines,
        {
            "conf": path,
            "valid": not problems,
            "assignments": inspection.variables,
            "notes": notes,
            "next_command": step or None,
        },
        errors.CONF_OR_USAGE if problems else errors.OK,
        findings=(*problems, *inspection.warnings),
    )


def _planned(
    conf: conf_file.Conf, files: Sequence[overrides.Override], *, fips: bool
) -> tuple[tuple[finding.Finding, ...], tuple[str, ...]]:
    """Return the errors that a plan for `conf` has, and its notes: what `render` would say, for any usual instance."""
    try:
        plan = planner.settle(conf, _INSTANCE, records.replace(_LATEST, fips=fips), files)
    except (errors.ConfInvalid, errors.OverrideInvalid, errors.DocumentInvalid) as error:
        notes = [*effects.notes(conf, fips=fips)]
        return error.as_findings(), (*restore_record.instead(conf), *map(str, notes))
    return (), (*restore_record.instead(conf), *plan.notes)
