"""Which files of a damaged archive are damaged.

What a damaged block still gives is read, and every file is held against the manifest: so that one wrong byte names one
file, although a thousand others are in the same block.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Optional

from teleport_bootstrap import errors
from teleport_bootstrap.archive import (
    compression,
    container,
    interface,
    manifest,
    safety,
    salvage,
    tar_reading,
    tar_writing,
)
from teleport_bootstrap.archive.content import content_digest
from teleport_bootstrap.archive.input import Bytes
from teleport_bootstrap.archive.spool import Spool
from teleport_bootstrap.archive.tar_reading import Member, Refused

# How many damaged files an error names; the others are counted.
NAMED = 100

# What the list of members that were found says of each, before its line of a manifest.
_COMPLETE, _DOUBTFUL, _CUT = b"+", b"?", b"-"


def error(name: str, what: str, damaged: Sequence[tuple[str, str]], in_all: int) -> errors.ArchiveDamaged:
    """Return the error for an archive in which these files are damaged."""
    lines = [f"{name} is damaged: {what}"]
    lines += [f"{interface.shown(path)}: {text}" for path, text in damaged]
    if in_all > len(damaged):
        lines.append(f"and {in_all - len(damaged)} more")
    return errors.ArchiveDamaged(
        "\n".join(lines),
        hint="Use another backup; copies of this one in other places may be good.",
        damaged=tuple(damaged),
        damaged_in_all=in_all,
    )


def damaged(source: interface.Source, broken: str) -> errors.ArchiveDamaged:
    """Read a damaged archive once more, as far as it can be read, and return the error that tells of it."""
    with Spool() as found, Spool() as lines:
        diagnosis = _Diagnosis(found, lines)
        try:
            diagnosis.read(source)
        except errors.BootstrapError as trouble:
            return error(source.name, f"{broken} (it cannot be read again: {trouble.message})", (), 0)
        diagnosis.compare()
    return error(source.name, f"{broken}; {diagnosis.summary()}", diagnosis.damaged, diagnosis.in_all)


class _Diagnosis:
    def __init__(self, found: Spool, lines: Spool) -> None:
        self._found = found
        self._lines = lines
        self._has_manifest = False
        self._last = ""
        self.damaged: list[tuple[str, str]] = []
        self.in_all = 0

    def summary(self) -> str:
        """Return what can be said about all of the files."""
        if self._has_manifest and not self.in_all:
            return "the files in it are as they were packed"
        if self._has_manifest:
            return f"{self.in_all} of the files in it cannot be had as they were packed"
        root = f"the last that can be read is {interface.shown(self._last)}" if self._last else "none can be read"
        return f"its manifest cannot be read, so that what follows cannot be named; of the files, {root}"

    def read(self, source: interface.Source) -> None:
        """Make the list of all members that can be found, and copy the manifest."""
        data = Bytes(source)
        try:
            start = data.read(container.LONGEST_START)
            format = container.recognise(start) or container.guess(start)
            if format is None:
                return
            data.unread(start[len(format.begin) :])
            codec = compression.codec(format.name)
            with contextlib.closing(codec):
                tar = salvage.Ragged(salvage.stretches(container.salvage(data.read, format), codec.expand))
                with contextlib.suppress(salvage.Over):
                    while not self._member(tar):
                        pass
        finally:
            data.close()

    def _member(self, tar: salvage.Ragged) -> bool:
        """Look at the next member; return whether it was the last one."""
        tar.doubtful = False
        try:
            member = tar_reading.member(tar.take, tar.tell())
        except (salvage.Lost, Refused):
            tar.to_next_member()
            return False
        if member is None:
            return False
        path = os.fsdecode(member.head.name)
        if path == interface.MANIFEST:
            return self._manifest(tar, member)
        kind = safety.KINDS[member.head.type]
        state, digest = _COMPLETE, ""
        try:
            if kind == interface.FILE:
                digest = content_digest(member, _all(tar.pieces(member.data)))
        except salvage.Lost:
            state = _CUT
        except salvage.Over:
            self._record(_CUT, member, kind, "")
            raise
        if state == _COMPLETE and tar.doubtful:
            state = _DOUBTFUL
        if path != interface.HEADER:
            self._record(state, member, kind, digest)
        for _ in tar.pieces(-member.data % tar_writing.RECORD):
            pass
        return False

    def _record(self, state: bytes, member: Member, kind: str, digest: str) -> None:
        self._found.write(state + manifest.line(safety.as_entry(member, kind, digest)))

    def _manifest(self, tar: salvage.Ragged, member: Member) -> bool:
        last = b""
        try:
            for part in tar.pieces(member.data):
                if part is None:
                    return False
                self._lines.write(part)
                last = (last + bytes(part[-4096:]))[-4096:]
        except salvage.Over:
            return False
        # A damaged manifest is none: it would accuse files that are good.
        self._lines.rewind()
        try:
            self._lines.line()
            self._has_manifest = any(isinstance(manifest.parse(line), interface.Totals) for line in self._lines.lines())
        except manifest.Malformed:
            self._has_manifest = False
        if not self._has_manifest:
            self._name(interface.MANIFEST, "is damaged")
        return True

    def compare(self) -> None:
        """Name what is damaged."""
        self._found.rewind()
        if not self._has_manifest:
            for text in self._found.lines():
                entry = manifest.parse_entry(text[1:])
                if text[:1] == _COMPLETE:
                    self._last = entry.path
                else:
                    self._name(entry.path, "may be damaged" if text[:1] == _DOUBTFUL else "cannot be read to its end")
            return
        self._lines.rewind()
        self._lines.line()
        found = self._next_found()
        for text in self._lines.lines():
            wanted = manifest.parse(text)
            if not isinstance(wanted, interface.Entry):
                continue
            while found is not None and _order(found[1]) < _order(wanted):
                found = self._next_found()
            if found is None or found[1].path != wanted.path:
                self._name(wanted.path, "cannot be read")
                continue
            if found[0] == _CUT:
                self._name(wanted.path, "cannot be read to its end")
            elif found[1].sha256 != wanted.sha256:
                self._name(wanted.path, "its content is damaged")
            elif manifest.line(safety.plain(wanted)) != manifest.line(found[1]):
                self._name(wanted.path, "its owner, mode, times, size or attributes are damaged")
            found = self._next_found()

    def _next_found(self) -> Optional[tuple[bytes, interface.Entry]]:
        text = self._found.line()
        return (text[:1], manifest.parse_entry(text[1:])) if text else None

    def _name(self, path: str, text: str) -> None:
        self.in_all += 1
        if len(self.damaged) < NAMED:
            self.damaged.append((path, text))


def _order(entry: interface.Entry) -> list[bytes]:
    return os.fsencode(entry.path).split(b"/")


def _all(pieces: Iterator[memoryview | None]) -> Iterator[memoryview]:
    """Yield the pieces; at their end, raises Lost if one was missing, so that we are behind them all."""
    lost = False
    for piece in pieces:
        if piece is None:
            lost = True
        elif not lost:
            yield piece
    if lost:
        raise salvage.Lost
