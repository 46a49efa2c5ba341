"""Writing an archive."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from teleport_bootstrap import paths
from teleport_bootstrap.archive import compression as compressing
from teleport_bootstrap.archive import interface, manifest, tar, walk
from teleport_bootstrap.archive.members import Members
from teleport_bootstrap.archive.spool import Spool
from teleport_bootstrap.archive.stream import CallerError, Output
from teleport_bootstrap.host import accounts

_REPORT_SECONDS = 0.1
_COPY_SIZE = 1024 * 1024


def pack(
    sink: interface.Sink,
    header: Mapping[str, Any],
    trees: Iterable[interface.Tree],
    *,
    root: paths.Root,
    compression: str | None = None,
    progress: interface.Progress | None = None,
) -> interface.Packed:
    """Write an archive of `trees` to `sink`, in one pass and in bounded memory; return what was written.

    `header` is a mapping that JSON can hold, up to a mebibyte; its keys are the caller's, except `format`. It must not
    hold a secret: it is read without unpacking. `compression` is `zstd` or `gzip`; None means the best that this
    machine has. Trees are archived in the order of their paths.

    A file that changes while it is read is read again, up to three times for small ones and once for large ones; one
    that still changes is archived as it was read last, with a note. One that vanishes is left out with a note.

    Raises FileTrouble where something cannot be read, CompressorTrouble where compressing fails, and what the sink or a
    tree's functions raise. What was written by then is not an archive.
    """
    ordered = _in_order(trees)
    text = _header_text(header)
    compressed = compression or compressing.best()
    try:
        with Spool() as spool, Output(sink, compressed) as output:
            work = _Pack(output, spool, accounts.Names(root), progress)
            work.add_own_member(interface.HEADER, len(text), [text])
            spool.write(manifest.first_line(json.loads(text)))
            for tree in ordered:
                work.tree(root, tree)
            spool.write(manifest.last_line(work.totals))
            work.add_own_member(interface.MANIFEST, spool.rewind(), iter(lambda: spool.read(_COPY_SIZE), b""))
            output.write(tar.END)
            digest = output.finish()
    except CallerError as carried:
        raise carried.error from None
    return interface.Packed(
        digest=digest,
        size=output.written,
        compression=compressed,
        totals=work.totals,
        notes=tuple(work.notes.first),
        notes_in_all=work.notes.in_all,
    )


def _header_text(header: Mapping[str, Any]) -> bytes:
    text = (json.dumps({**header, "format": interface.FORMAT}, indent=2, allow_nan=False) + "\n").encode("ascii")
    if len(text) > manifest.LARGEST_HEADER:
        raise ValueError(f"a header of {len(text)} bytes is too large")
    return text


def _in_order(trees: Iterable[interface.Tree]) -> list[interface.Tree]:
    ordered = sorted(trees, key=lambda tree: os.fsencode(tree.path).split(b"/"))
    for tree in ordered:
        if os.path.normpath(tree.path) != tree.path or not tree.path.startswith("/") or tree.path == "/":
            raise ValueError(f"not a normal absolute path: {tree.path}")
    for one, other in zip(ordered, ordered[1:]):
        if other.path == one.path or other.path.startswith(f"{one.path}/"):
            raise ValueError(f"{one.path} and {other.path} overlap")
    if any(f"{tree.path}/".startswith(f"/{interface.OWN}/") for tree in ordered):
        raise ValueError(f"/{interface.OWN} is reserved for the archive")
    return ordered


class _Pack:
    """An archive that is being written."""

    def __init__(
        self, output: Output, spool: Spool, names: accounts.Names, progress: interface.Progress | None
    ) -> None:
        self._output = output
        self._spool = spool
        self._members = Members(output, names, left_out=self._left_out, noted=self._noted, tick=self._tick)
        self._progress = progress
        self._reported = 0.0
        self._now = int(time.time())
        self.totals = interface.Totals()
        self.notes = interface.Notes()

    def tree(self, root: paths.Root, tree: interface.Tree) -> None:
        """Add the files of a tree."""
        for found in walk.walk(root, tree, self._left_out):
            for entry, data in self._members.add(tree, found):
                self._spool.write(manifest.line(entry))
                self.totals = self.totals.with_one(entry.kind, entry.size, data)
            self._tick()

    def add_own_member(self, path: str, size: int, parts: Iterable[bytes]) -> None:
        """Write the archive's own member `path`, of `size` bytes."""
        entry = interface.Entry(path, interface.FILE, 0o600, 0, 0, "root", "root", self._now * 1_000_000_000, size)
        member = tar.Member(entry)
        self._output.write(member.headers())
        for part in parts:
            self._output.write(part)
        self._output.write(bytes(member.padding))

    def _left_out(self, path: str, text: str) -> None:
        note = interface.Note(path.lstrip("/"), text)
        self._spool.write(manifest.note_line(note))
        self.notes.add(note)

    def _noted(self, path: str, text: str) -> None:
        self.notes.add(interface.Note(path.lstrip("/"), text))

    def _tick(self) -> None:
        if self._progress is None:
            return
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            try:
                self._progress(self._output.offset, self.totals.entries)
            except OSError as error:
                raise CallerError(error) from None
