"""`teleport-bootstrap backup create`: make a backup of this host, and verify it."""

from __future__ import annotations

import argparse

from teleport_bootstrap import errors, paths
from teleport_bootstrap.backup import archive_table
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.change import unit_action
from teleport_bootstrap.cli import options, progress, result
from teleport_bootstrap.host import output, termination
from teleport_bootstrap.operations import backup

EXAMPLE = "teleport-bootstrap backup create s3://acme-backups/teleport --keep 7"


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("a number from 1")
    return value


OPTIONS = (
    options.option(
        "destination", f"a directory, or s3://BUCKET/PREFIX; default: {paths.BACKUPS}", metavar="DESTINATION", nargs="?"
    ),
    options.flag("--stop", "stop Teleport while its data is read"),
    options.option("--keep", "keep only the last N verified backups of this host", metavar="N", type=_count),
    options.option("--kms-key-id", "encrypt with this key of KMS (s3:// only)", metavar="ID"),
    options.BUCKET_OWNER,
    options.flag("--without-tables", "do not request backups of DynamoDB tables"),
    options.flag("--allow-damaged", "archive damaged databases as they are"),
    options.WAIT,
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Make a backup."""
    root = options.root(arguments)
    if arguments.stop:
        termination.outlive_session(root)
    wishes = backup.Wishes(
        destination=destination.parse(arguments.destination, root),
        stop=arguments.stop,
        keep=arguments.keep,
        tables=not arguments.without_tables,
        allow_damaged=arguments.allow_damaged,
        measured=output.is_terminal(),
        expected_owner=arguments.expected_bucket_owner,
        kms_key_id=arguments.kms_key_id,
    )
    made = backup.run(options.doors(arguments), wishes, progress=progress.display)
    data = {
        "archive": made.place,
        "name": made.name,
        **archive_table.contents(made.packed),
        "units": unit_action.for_each(unit_action.STOPPED_AND_STARTED, made.stopped),
        "removed": list(made.removed),
        "notes": list(made.notes),
        "header": made.header,
    }
    trouble = archive_table.incomplete(made.packed, made.place)
    status = errors.OK if trouble is None else trouble.exit_status
    return result.Result(_text(made), data, status, trouble=trouble, change=backup.summary(made))


def _text(made: backup.Made) -> list[str]:
    return [
        backup.summary(made),
        *archive_table.missing(made.packed),
        f"digest {made.packed.digest}",
        *(f"DynamoDB backup of {each['table']}: {each['arn']}" for each in made.header["storage"]["table_backups"]),
        *(f"stopped and started {unit}" for unit in made.stopped),
        *(f"removed {place}" for place in made.removed),
        *(f"note: {note}" for note in made.notes),
    ]
