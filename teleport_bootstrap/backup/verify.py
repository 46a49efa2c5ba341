"""Reading an archive back, all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from teleport_bootstrap.backup import archive

UNLIMITED = archive.Limits()


def verify(
    source: archive.Source, *, limits: archive.Limits = UNLIMITED, progress: Optional[archive.Progress] = None
) -> archive.Verified:
    """Read `source` once, from its first to its last byte, and return what is in it; nothing is written anywhere.

    Raises ArchiveDamaged, which names each damaged file as far as that can be told, where a single byte is not as it
    was sealed, or missing, or too many; ArchiveUnsafe where the archive is whole but holds what must not be unpacked
    (paths or links that lead out, devices, more than `limits`); ArchiveUnknown where it is no archive of ours or one
    of a later format, or where this machine lacks the program to read it; and what the source raises.
    """
    raise NotImplementedError


def header_of(source: archive.Source) -> Mapping[str, Any]:
    """Return the header of the archive, reading only its beginning; says nothing about the rest. Raises as verify."""
    raise NotImplementedError
