"""`teleport-bootstrap backup list`: list the backups in a directory or in S3, the newest first."""

from __future__ import annotations

import argparse
import os

from teleport_bootstrap import errors, paths
from teleport_bootstrap.backup import archive_table
from teleport_bootstrap.backup.stores import destination, store
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.instance import gather

EXAMPLE = "teleport-bootstrap backup list s3://acme-backups/teleport"
OPTIONS = (
    options.option(
        "place", f"a directory, or s3://BUCKET/PREFIX; default: {paths.BACKUPS}", metavar="PLACE", nargs="?"
    ),
    options.BUCKET_OWNER,
    options.WAIT,
)


def run(arguments: argparse.Namespace) -> result.Result:
    """List the backups. Only a place that was named must exist."""
    place = destination.parse(arguments.place, options.root(arguments))
    if place.name is not None:
        raise errors.UsageError(
            f"{arguments.place} is an archive, not a place for archives",
            hint=f"`teleport-bootstrap backup verify {arguments.place}` verifies it.",
        )
    if arguments.place is not None and not place.is_s3 and not os.path.isdir(place.path):
        raise errors.BackupMissing(f"the directory {place.path} does not exist", hint="Check its name.")
    opened = open_store(arguments, place)
    found = opened.sources()
    return result.Result(archive_table.table(found, opened.place), archive_table.data(found, opened.place))


def open_store(arguments: argparse.Namespace, place: destination.Destination) -> store.Store:
    """Return the store of `place` for a command that only reads."""
    doors = options.doors(arguments)
    return destination.open_store(
        place,
        lambda: gather.aws(doors, gather.conf_if_readable(doors.root)),
        expected_owner=arguments.expected_bucket_owner,
    )
