"""Writing an archive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from teleport_bootstrap.backup import archive
from teleport_bootstrap.host import root


def pack(
    sink: archive.Sink,
    header: Mapping[str, Any],
    trees: Iterable[archive.Tree],
    *,
    where: root.Root,
    compression: Optional[str] = None,
    progress: Optional[archive.Progress] = None,
) -> archive.Packed:
    """Write an archive of `trees` to `sink`, in one pass and in bounded memory; return what was written.

    `header` is a mapping that JSON can hold, up to a mebibyte; its keys are the caller's, except `format`. It must hold
    no secret: it is read without unpacking. `compression` is `zstd` or `gzip`; None takes the best there is (see
    compression.best). Trees are archived in the order of their paths, whatever order they are given in.

    A file that changes while it is read is read again, up to three times for small ones and once for large ones; one
    that does not come to rest is archived as it was read last, with a note. One that vanishes is left out with a note.

    Raises FileTrouble where something cannot be read, CompressorTrouble where compressing fails, and whatever the sink
    or a tree's functions raise; what was written by then is no archive.
    """
    raise NotImplementedError
