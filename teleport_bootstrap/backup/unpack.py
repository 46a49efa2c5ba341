"""Making files of an archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from teleport_bootstrap.backup import archive
from teleport_bootstrap.host import root


def unpack(
    source: archive.Source,
    verified: archive.Verified,
    into: Mapping[str, str],
    *,
    where: root.Root,
    progress: Optional[archive.Progress] = None,
) -> archive.Unpacked:
    """Make the files of `source`, which `verify` has found good, at the places that `into` gives.

    `into` says where a path of the instance goes: {"/var/lib/teleport": "/var/lib/.teleport-new"} makes that member,
    with all in it, at the second path, which is absolute on this machine (not under `where`) and must not exist; its
    parent must exist and be nobody else's. Members that no key covers are not made; the longest key counts.

    Until the end, directories made belong to root with mode 0700: nobody reaches what is made. Owners are given by
    name, as `where` knows them, else by number with a note; then modes, times and extended attributes, as archived.
    When it returns, all of it has been brought to the disk.

    Raises ArchiveDamaged where `source` is not byte for byte what was verified, FileTrouble, naming the path, where
    something cannot be written, and what the source raises. What was made by then stays for the caller to remove.
    """
    raise NotImplementedError
