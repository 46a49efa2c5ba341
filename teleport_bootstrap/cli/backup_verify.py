"""`teleport-bootstrap backup verify`: read all of a backup, and name what is damaged."""

from __future__ import annotations

import argparse
import contextlib
import os

from teleport_bootstrap import errors, log
from teleport_bootstrap.archive import interface, verify
from teleport_bootstrap.backup import archive_table
from teleport_bootstrap.backup.stores import destination, newest, store
from teleport_bootstrap.cli import backup_list, backup_place, options, progress, result
from teleport_bootstrap.finding import NOTE, Finding
from teleport_bootstrap.host import termination

logger = log.Logger(__name__)

EXAMPLE = "teleport-bootstrap backup verify s3://acme-backups/teleport/old.tar.zst"
OPTIONS = (
    options.option(
        "archive", "a file, or s3://BUCKET/KEY; default: the newest of this host", metavar="ARCHIVE", nargs="?"
    ),
    options.BUCKET_OWNER,
    options.WAIT,
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Verify an archive."""
    opened, name = _of_command_line(arguments) if arguments.archive is not None else _newest(arguments)
    source = opened.source(name)
    with termination.as_exception():
        try:
            with progress.display("verifying", source.size) as tell, verify.verify(source, progress=tell) as found:
                return _result(found)
        except (errors.ArchiveDamaged, errors.ArchiveUnsafe, errors.ArchiveUnknown):
            # So that --keep does not count it as verified. Fails without write permission, which does no harm.
            with contextlib.suppress(errors.BootstrapError):
                opened.mark_damaged(name)
            raise


def _of_command_line(arguments: argparse.Namespace) -> tuple[store.Store, str]:
    place = destination.parse(arguments.archive, options.root(arguments))
    if place.name is None and not place.is_s3 and not os.path.isdir(place.path):
        raise errors.BackupMissing(f"{place.path} does not exist", hint="`teleport-bootstrap backup list` lists them.")
    if place.name is None:
        raise errors.UsageError(
            f"{arguments.archive} is a place for backups, not a backup",
            hint=f"`teleport-bootstrap backup list {arguments.archive}` shows what is there.",
        )
    return backup_list.open_store(arguments, place), place.name


def _newest(arguments: argparse.Namespace) -> tuple[store.Store, str]:
    """Return the newest archive of where this host keeps its backups."""
    root = options.root(arguments)
    kept = backup_place.of_host(root)
    arguments.expected_bucket_owner = arguments.expected_bucket_owner or kept.expected_owner
    opened = backup_list.open_store(arguments, kept.destination(root))
    chosen = newest.choose(opened)
    logger.info("no archive was named: verifying %s", chosen.place)
    return opened, chosen.name


def _result(found: interface.Verified) -> result.Result:
    header = found.header
    words = {"cluster": "cluster", "role": "role", "made_at": "made at"}
    about = [f"{word} {interface.printable(str(header[key]))}" for key, word in words.items() if header.get(key)]
    more_notes = found.notes_in_all - len(found.notes)
    trouble = archive_table.incomplete(found, found.name)
    lines = [
        f"{found.name}: verified{'' if trouble is None else ', but incomplete'}, {archive_table.size(found.size)}, "
        f"{found.totals.files} files",
        *archive_table.missing(found),
        f"digest {found.digest}",
        *([", ".join(about)] if about else []),
        *(f"note: {note.describe()}" for note in found.notes),
        *([f"and {more_notes} more notes"] if more_notes > 0 else []),
    ]
    data = {
        "archive": found.name,
        **archive_table.contents(found),
        "notes_count": found.notes_in_all,
        "links_outside_count": found.links_outside,
        "header": dict(found.header),
    }
    notes = [Finding(NOTE, "", f"/{note.path}", note.text) for note in found.notes]
    status = errors.OK if trouble is None else trouble.exit_status
    return result.Result(lines, data, status, trouble=trouble, findings=notes)
