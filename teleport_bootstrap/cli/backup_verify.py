"""`teleport-bootstrap backup verify`: read all of a backup, and name what is damaged."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import Any

from teleport_bootstrap import errors
from teleport_bootstrap.archive import interface, verify
from teleport_bootstrap.backup import archive_table
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.cli import options, progress, result
from teleport_bootstrap.host import termination
from teleport_bootstrap.instance import gather

EXAMPLE = "teleport-bootstrap backup verify s3://acme-backups/teleport/old.tar.zst"
OPTIONS = (
    options.option("archive", "a file, or s3://BUCKET/KEY", metavar="ARCHIVE"),
    options.BUCKET_OWNER,
    options.WAIT,
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Verify an archive."""
    root = options.root(arguments)
    place = destination.parse(arguments.archive, root)
    if place.name is None and not place.is_s3 and not os.path.isdir(place.path):
        raise errors.BackupMissing(f"{place.path} does not exist", hint="`teleport-bootstrap backup list` lists them.")
    if place.name is None:
        raise errors.UsageError(
            f"{arguments.archive} is a place for backups, not a backup",
            hint=f"`teleport-bootstrap backup list {arguments.archive}` shows what is there.",
        )
    doors = gather.Doors(root, os.environ, arguments.wait)
    opened = destination.open_store(
        place,
        lambda: gather.aws(doors, gather.conf_if_readable(root)),
        expected_owner=arguments.expected_bucket_owner,
    )
    source = opened.source(place.name)
    with termination.as_exception():
        try:
            with progress.display("verifying", source.size) as tell, verify.verify(source, progress=tell) as found:
                return result.Result(_text(found), _data(found))
        except (errors.ArchiveDamaged, errors.ArchiveUnsafe, errors.ArchiveUnknown):
            # So that --keep does not count it as verified. Fails without write permission, which does no harm.
            with contextlib.suppress(errors.BootstrapError):
                opened.mark_damaged(place.name)
            raise


def _text(found: interface.Verified) -> str:
    header = found.header
    about = [f"{key} {header[key]}" for key in ("cluster", "role", "made_at") if header.get(key)]
    more_notes = found.notes_in_all - len(found.notes)
    lines = [
        f"{found.name}: verified, {archive_table.size(found.size)}, {found.totals.files} files",
        f"digest {found.digest}",
        *([", ".join(about)] if about else []),
        *(f"note: {note.describe()}" for note in found.notes),
        *([f"and {more_notes} more notes"] if more_notes > 0 else []),
    ]
    return "\n".join(lines)


def _data(found: interface.Verified) -> dict[str, Any]:
    return {
        "archive": found.name,
        "verified": True,
        "digest": found.digest,
        "size": found.size,
        "compression": found.compression,
        "entries": found.totals.entries,
        "files": found.totals.files,
        "content": found.totals.content,
        "notes": [note.describe() for note in found.notes],
        "links_outside": found.links_outside,
        "header": dict(found.header),
    }
