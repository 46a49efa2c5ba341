"""`teleport-bootstrap validate`: list every problem of a conf, without changing anything."""

from __future__ import annotations

import argparse

from teleport_bootstrap import errors
from teleport_bootstrap.cli import options, result, sources
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.instance import fips_sources
from teleport_bootstrap.plan import effects, requirements
from teleport_bootstrap.state import restore_record

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
    problems = inspection.errors
    notes: tuple[str, ...] = ()
    if inspection.conf is not None:
        # Another file than the instance's own may be for another image.
        own = fips_sources.read(root, inspection.conf).is_fips is True if arguments.conf is None else False
        problems = requirements.check(inspection.conf, fips=arguments.fips or own)
        notes = (
            *restore_record.instead(inspection.conf),
            *map(str, effects.notes(inspection.conf, fips=arguments.fips or own)),
        )
    lines = [*(f"error: {each}" for each in problems), *(f"warning: {each}" for each in inspection.warnings)]
    lines += [f"note: {note}" for note in notes]
    if not problems:
        lines.append(f"{path}: valid, {len(inspection.variables)} assignments")
    return result.Result(
        "\n".join(lines),
        {
            "variables": [each._asdict() for each in inspection.variables],
            "errors": problems,
            "warnings": inspection.warnings,
            "notes": notes,
        },
        errors.CONF_OR_USAGE if problems else errors.OK,
    )
