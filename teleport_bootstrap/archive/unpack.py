"""Creating the files of a verified archive."""

from __future__ import annotations

import os
from collections.abc import Mapping

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface, tar
from teleport_bootstrap.archive.stream import Broken, Input
from teleport_bootstrap.archive.tar import Refused
from teleport_bootstrap.archive.verify import read_header, unsafe
from teleport_bootstrap.archive.writer import Writer
from teleport_bootstrap.host import accounts, process

# For gigabytes on a slow disk.
_SYNC_SECONDS = 1800.0


def unpack(
    source: interface.Source,
    verified: interface.Verified,
    into: Mapping[str, str],
    *,
    root: paths.Root,
    progress: interface.Progress | None = None,
) -> interface.Unpacked:
    """Create the files of `source`, which `verify` has accepted, at the places that `into` names.

    `into` says where a path of the instance goes: {"/var/lib/teleport": "/var/lib/.teleport-new"} creates that member,
    with all in it, at the second path. That is absolute on this machine (not under `root`) and must not exist; only
    root may be able to write to its parent. Members outside of all keys are not created; no key is in another. A key
    may name a file or a directory, never a link.

    Until the end, a place that is a directory belongs to root with mode 0700, so that no other account reaches what is
    in it. Owners are looked up by name, under `root`; an unknown one leaves its number, with a note, and the file loses
    its set-user-id and set-group-id bits. Then modes, times and extended attributes are set. An access control list
    that names accounts is not, since it does so by number: the group then gets what the list grants the group itself.
    When this returns, everything has been written to the disk.

    Raises ArchiveDamaged where `source` is no longer byte for byte what was verified; ArchiveUnsafe, before anything is
    created, where links do not fit `into`; FileTrouble, with the path, where something cannot be written; and what the
    source raises. What was created by then stays for the caller to remove.
    """
    places = {_plain(path): target for path, target in into.items()}
    with Writer(places, accounts.Names(root)) as writer:
        for entry in verified.entries():
            if objection := writer.objection(entry):
                raise unsafe(source.name, Refused(entry.path, objection))
        try:
            with Input(source, progress=progress) as archive:
                read_header(source.name, archive)
                for entry in verified.entries():
                    _one(source.name, archive, entry, writer)
                    archive.entries += 1
                if (listing := tar.read(archive.take)) is None:
                    raise _another(source.name)
                for _ in archive.pieces(listing.data + listing.padding):
                    pass
                if tar.read(archive.take) is not None or archive.finish() != verified.digest:
                    raise _another(source.name)
        except (Broken, Refused):
            raise _another(source.name) from None
        writer.finish()
    _sync(set(places.values()))
    return interface.Unpacked(writer.totals, tuple(writer.notes.first), writer.notes.in_all)


def _plain(path: str) -> str:
    if os.path.normpath(path) != path or not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"not a plain absolute path: {path}")
    return path[1:]


def _one(name: str, archive: Input, entry: interface.Entry, writer: Writer) -> None:
    member = tar.read(archive.take)
    if member is None or member.entry._replace(sha256=entry.sha256) != entry.of_headers():
        raise _another(name)
    if writer.create(entry, member, archive.pieces(member.data)) not in ("", entry.sha256):
        raise _another(name)
    archive.take(member.padding)


def _another(name: str) -> errors.ArchiveDamaged:
    return errors.ArchiveDamaged(
        f"{name} is no longer what was verified a moment ago",
        hint="Another process writes to it or has replaced it. Find out which one, then begin again.",
    )


def _sync(places: set[str]) -> None:
    """Write everything to the disk: whole file systems at once, which is much faster than file by file."""
    for parent in {os.path.dirname(each) for each in places}:
        done = process.run(["sync", "--file-system", parent], timeout_seconds=_SYNC_SECONDS)
        if not done.ok:
            raise errors.FileTrouble(
                f"what was unpacked in {parent} could not be written to the disk: {done.describe()}",
                hint="Check the disk, and `journalctl -k`.",
            )
