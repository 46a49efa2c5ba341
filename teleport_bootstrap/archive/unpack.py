"""Making files of an archive."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Optional

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface, tar_headers, tar_reader
from teleport_bootstrap.archive.file_writer import Making
from teleport_bootstrap.archive.safety import as_entry
from teleport_bootstrap.archive.stream import Broken, Input
from teleport_bootstrap.archive.tar_reader import Refused
from teleport_bootstrap.archive.verify import read_header, unsafe
from teleport_bootstrap.host import accounts, process

# Bringing gigabytes to a slow disk.
_SYNC_SECONDS = 1800.0


def unpack(
    source: interface.Source,
    verified: interface.Verified,
    into: Mapping[str, str],
    *,
    root: paths.Root,
    progress: Optional[interface.Progress] = None,
) -> interface.Unpacked:
    """Make the files of `source`, which `verify` has found good, at the places that `into` gives.

    `into` says where a path of the instance goes: {"/var/lib/teleport": "/var/lib/.teleport-new"} makes that member,
    with all in it, at the second path, which is absolute on this machine (not under `where`) and must not exist; its
    parent must exist and be nobody else's. Members that no key covers are not made; no key lies in another. What a key
    names may be a file or a directory, never a link.

    Until the end, what a key names, where it is a directory, belongs to root with mode 0700: nobody reaches what is
    made. Owners are given by name, as `where` knows them, else by number with a note, and without set-user-id and
    set-group-id bits; then modes, times and extended attributes, as archived. An access control list that names
    accounts is not given, since it does so by number: the group then gets what the list gave the group itself.
    When it returns, all of it has been brought to the disk.

    Raises ArchiveDamaged where `source` is not byte for byte what was verified, ArchiveUnsafe, before anything is made,
    where links do not fit `into`, FileTrouble, naming the path, where something cannot be written, and what the source
    raises. What was made by then stays for the caller to remove.
    """
    places = {_plain(path): target for path, target in into.items()}
    with Making(places, accounts.Names(root)) as making:
        for entry in verified.entries():
            trouble = making.objection(entry)
            if trouble:
                raise unsafe(source.name, Refused(os.fsencode(entry.path), trouble))
        try:
            with Input(source, progress=progress) as tar:
                read_header(source.name, tar)
                for entry in verified.entries():
                    _one(source.name, tar, entry, making)
                    tar.entries += 1
                _skip_manifest(source.name, tar)
                if tar.finish() != verified.digest:
                    raise _another(source.name)
        except (Broken, Refused):
            raise _another(source.name) from None
        making.finish()
    _sync(set(places.values()))
    return interface.Unpacked(making.totals, tuple(making.notes.first), making.notes.in_all)


def _plain(path: str) -> str:
    if os.path.normpath(path) != path or not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"not a plain absolute path: {path}")
    return path[1:]


def _one(name: str, tar: Input, entry: interface.Entry, making: Making) -> None:
    member = tar_reader.member(tar.take)
    if member is None or os.fsdecode(member.head.name) != entry.path:
        raise _another(name)
    seen = as_entry(member, entry.kind, entry.sha256)
    if (seen.mode, seen.uid, seen.gid, seen.owner, seen.group, seen.size, seen.link, seen.xattrs) != (
        entry.mode,
        entry.uid,
        entry.gid,
        entry.owner,
        entry.group,
        entry.size,
        entry.link,
        entry.xattrs,
    ):
        raise _another(name)
    if making.make(entry, member, tar.pieces(member.data)) not in (None, entry.sha256):
        raise _another(name)
    tar.take(-member.data % tar_headers.RECORD)


def _skip_manifest(name: str, tar: Input) -> None:
    member = tar_reader.member(tar.take)
    if member is None:
        raise _another(name)
    for _ in tar.pieces(member.data + -member.data % tar_headers.RECORD):
        pass
    if tar_reader.member(tar.take) is not None:
        raise _another(name)


def _another(name: str) -> errors.ArchiveDamaged:
    return errors.ArchiveDamaged(
        f"{name} is not any more what was verified a moment ago",
        hint="Something writes to it, or has put another in its place. Find out what, then begin again.",
    )


def _sync(places: set[str]) -> None:
    """Bring what was made to the disk: whole file systems at once, which is much faster than file by file."""
    for parent in {os.path.dirname(each) for each in places}:
        done = process.run(["sync", "--file-system", parent], timeout_seconds=_SYNC_SECONDS)
        if not done.ok:
            raise errors.FileTrouble(
                f"what was unpacked beside {parent} could not be brought to the disk: {done.describe()}",
                hint="Look at the disk, and at `journalctl -k`.",
            )
