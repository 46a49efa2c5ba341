"""`teleport-bootstrap validate`: list every problem of a conf, without changing anything."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from teleport_bootstrap import errors, finding, records
from teleport_bootstrap.change import boot_service
from teleport_bootstrap.cli import options, result, sources
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.instance import fips_sources, gather
from teleport_bootstrap.plan import effects, overrides, planner, requirements, teleport_build
from teleport_bootstrap.state import restore_record
from teleport_bootstrap.user_data import conf_of

# The instance may have any release of the newest major, and a conf is not invalid for what only the first ones lack.
_LATEST = records.replace(teleport_build.NEWEST, minor=99)

EXAMPLE = "teleport-bootstrap validate ./conf --format json"
OPTIONS = (
    options.option("conf", "the file to check, - for standard input", nargs="?", metavar="CONF"),
    options.USER_DATA,
    options.flag("--fips", "check for a FIPS build of Teleport"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Print every problem, and end with the status for an invalid conf if there is one."""
    root = options.root(arguments)
    found = _user_data(arguments)
    data, path = sources.conf_data(root, arguments.conf) if found is None else (found.data, found.path)
    inspection = conf_file.inspect(data, path)
    problems = requirements.all_errors(inspection, fips=arguments.fips) if inspection.errors else ()
    notes: tuple[str, ...] = ()
    if inspection.conf is not None:
        # Another file than the instance's own may be for another image, and `render` merges no overrides into it.
        is_own = arguments.conf is None and found is None
        said = (
            fips_sources.read(root, inspection.conf).is_fips
            if is_own
            else inspection.conf.value(variables.TELEPORT_FIPS)
        )
        fips = arguments.fips or said is True
        problems, notes = _planned(inspection.conf, gather.overrides(root) if is_own else (), fips=fips)
    warnings = inspection.warnings
    if found is not None:
        problems = (*(each for each in found.findings if each.is_error), *map(found.moved, problems))
        warnings = (*(each for each in found.findings if not each.is_error), *map(found.moved, warnings))
    lines: list[str] = [finding.Line("error: ", each) for each in problems]
    lines += [finding.Line("warning: ", each) for each in warnings]
    lines += [f"note: {note}" for note in notes]
    if not problems:
        lines.append(f"{path}: valid, {len(inspection.variables)} assignments")
    is_of_host = arguments.conf is None and found is None
    step = boot_service.applying(root, data) if is_of_host and not problems else ""
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
        findings=(*problems, *warnings),
    )


def _user_data(arguments: argparse.Namespace) -> conf_of.Found | None:
    if arguments.user_data is None:
        return None
    if arguments.conf is not None:
        raise errors.UsageError("a conf and --user-data exclude each other", hint="Name one of them.")
    return sources.from_user_data(arguments.user_data)


def _planned(
    conf: conf_file.Conf, files: Sequence[overrides.Override], *, fips: bool
) -> tuple[tuple[finding.Finding, ...], tuple[str, ...]]:
    """Return the errors that a plan for `conf` has, and its notes: what `render` would say, for any usual instance."""
    try:
        plan = planner.settle(conf, sources.ANY_INSTANCE, records.replace(_LATEST, fips=fips), files)
    except (errors.ConfInvalid, errors.OverrideInvalid, errors.DocumentInvalid) as error:
        notes = [*effects.notes(conf, fips=fips)]
        return error.as_findings(), (*restore_record.instead(conf), *map(str, notes))
    return (), (*restore_record.instead(conf), *plan.notes)
