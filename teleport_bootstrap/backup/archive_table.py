"""The archives in a store, as a table and as JSON data."""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap import display, errors
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup.stores import store
from teleport_bootstrap.hints import Any

_COLUMNS = ("MADE (UTC)", "SIZE", "VERIFIED", "ARCHIVE")


def table(stored: Sequence[store.Stored], place: str) -> list[str]:
    """Return a line for each archive in `place`, the newest first."""
    if not stored:
        return [f"there are no backups in {place}"]
    rows = [
        _COLUMNS,
        *(
            (f"{each.created:%Y-%m-%d %H:%M:%S}", size(each.size), _verified(each), each.place)
            for each in store.newest_first(stored)
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    first, *others = [f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}" for row in rows]
    return [display.Heading(first), *others]


def _verified(stored: store.Stored) -> str:
    return "incomplete" if stored.incomplete else "yes" if stored.verified else "no"


def data(stored: Sequence[store.Stored], place: str) -> dict[str, Any]:
    """Return the data for --format json."""
    return {
        "place": place,
        "backups": [
            {
                "archive": each.place,
                "name": each.name,
                "cluster": each.parsed.cluster,
                "host": each.parsed.host,
                "made_at": each.created.isoformat(timespec="seconds"),
                "size_bytes": each.size,
                "compression": each.parsed.compression,
                "verified": each.verified,
                "incomplete": each.incomplete,
            }
            for each in store.newest_first(stored)
        ],
    }


def contents(archive: interface.Packed | interface.Verified) -> dict[str, Any]:
    """Return what JSON output says of the content of a verified archive."""
    return {
        "verified": True,
        "digest": archive.digest,
        "size_bytes": archive.size,
        "compression": archive.compression,
        "entries": archive.totals.entries,
        "files": archive.totals.files,
        "content_bytes": archive.totals.content,
        **missing_data(archive),
    }


def missing_data(archive: interface.Packed | interface.Verified) -> dict[str, Any]:
    """Return what JSON output says of what is missing in an archive."""
    return {
        "incomplete": archive.missing_in_all > 0,
        "missing": [{"path": f"/{note.path}", "reason": note.text} for note in archive.missing],
        "missing_count": archive.missing_in_all,
    }


def incomplete(archive: interface.Packed | interface.Verified, place: str) -> errors.BackupIncomplete | None:
    """Return the error that lists what is missing in the archive at `place`, None where it is complete."""
    if not archive.missing_in_all:
        return None
    count = archive.missing_in_all
    what = "1 file or directory is" if count == 1 else f"{count} files or directories are"
    return errors.BackupIncomplete(
        f"the backup {place} is incomplete: {what} missing",
        lines=missing(archive),
        hint="All other files are in it. Find out why these cannot be read, then make the backup again: with --stop if "
        "Teleport has locked them, with --allow-damaged to archive damaged databases as they are. Complete backups "
        "stay: --keep does not count incomplete ones.",
    )


def missing(archive: interface.Packed | interface.Verified) -> tuple[str, ...]:
    """Return a line for each of the first files that are missing in an archive, and one that counts the others."""
    shown = [f"missing: /{note.describe()}" for note in archive.missing]
    more = archive.missing_in_all - len(archive.missing)
    return (*shown, *([f"and {more} more missing"] if more else []))


def size(count: float) -> str:
    """Return a number of bytes as text: 999 B, 1.0 kB, 12.3 MB, in steps of a thousand."""
    if count < 1000:
        return f"{int(count)} B"
    shown = ""
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        shown = f"{count:.1f} {unit}"
        if count < 999.95:
            break
    return shown
