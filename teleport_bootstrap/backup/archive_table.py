"""The archives in a store, as a table and as JSON data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup.stores import store

_COLUMNS = ("MADE (UTC)", "SIZE", "VERIFIED", "ARCHIVE")


def table(stored: Sequence[store.Stored], place: str) -> str:
    """Return a line for each archive in `place`, the newest first."""
    if not stored:
        return f"there are no backups in {place}"
    rows = [
        _COLUMNS,
        *(
            (f"{each.created:%Y-%m-%d %H:%M:%S}", size(each.size), "yes" if each.verified else "no", each.place)
            for each in store.newest_first(stored)
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    return "\n".join(f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}" for row in rows)


def data(stored: Sequence[store.Stored], place: str) -> dict[str, Any]:
    """Return the data for --format json; `size` in bytes, `made` as in 2026-11-22T11:57:43Z."""
    return {
        "place": place,
        "backups": [
            {
                "archive": each.place,
                "name": each.name,
                "cluster": each.parsed.cluster,
                "host": each.parsed.host,
                "made": f"{each.created:%Y-%m-%dT%H:%M:%SZ}",
                "size": each.size,
                "compression": each.parsed.compression,
                "verified": each.verified,
            }
            for each in store.newest_first(stored)
        ],
    }


def contents(archive: interface.Packed | interface.Verified) -> dict[str, Any]:
    """Return what JSON output says of the content of a verified archive."""
    return {
        "verified": True,
        "digest": archive.digest,
        "size": archive.size,
        "compression": archive.compression,
        "entries": archive.totals.entries,
        "files": archive.totals.files,
        "content": archive.totals.content,
    }


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
