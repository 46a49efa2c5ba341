"""Reading an archive back, all of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Optional

from teleport_bootstrap import errors
from teleport_bootstrap.archive import container, diagnosis, interface, manifest, tar_reading, tar_writing
from teleport_bootstrap.archive.content import content_digest
from teleport_bootstrap.archive.input import Input
from teleport_bootstrap.archive.safety import Order, as_entry, leads_out, plain
from teleport_bootstrap.archive.spool import Spool
from teleport_bootstrap.archive.tar_reading import Member, Refused

UNLIMITED = interface.Limits()

Keep = Callable[[str, int], bool]

_LINKS_SHOWN = 20


def verify(
    source: interface.Source,
    *,
    limits: interface.Limits = UNLIMITED,
    progress: Optional[interface.Progress] = None,
    keep: Optional[Keep] = None,
) -> interface.Verified:
    """Read `source` once, from its first to its last byte, and return what is in it; nothing is written anywhere.

    The content of files of which `keep` says so is in memory afterwards; it is asked about each, by path and size.

    Raises ArchiveDamaged, which names each damaged file as far as that can be told, where a single byte is not as it
    was sealed, or missing, or too many; ArchiveUnsafe where the archive is whole but holds what must not be unpacked
    (paths or links that lead out, devices, more than `limits`); ArchiveUnknown where it is no archive of ours or one
    of a later format, or where this machine lacks the program to read it; and what the source raises.
    """
    with contextlib.ExitStack() as held:
        seen = held.enter_context(Spool())
        lines = Spool()
        on_failure = held.enter_context(contextlib.ExitStack())
        on_failure.callback(lines.close)
        try:
            with Input(source, progress=progress) as tar:
                verified = _Verification(source.name, tar, limits, seen, lines, keep).run()
        except container.Broken as broken:
            raise diagnosis.damaged(source, str(broken)) from None
        except Refused as refused:
            raise unsafe(source.name, refused) from None
        on_failure.pop_all()
        return verified


def unsafe(name: str, refused: Refused) -> errors.ArchiveUnsafe:
    """Return the error for a member that must not be unpacked."""
    path = f"{interface.shown(os.fsdecode(refused.path))} " if refused.path else ""
    return errors.ArchiveUnsafe(
        f"{name} is not safe to unpack: {path}{refused.text}",
        hint="Nothing was written. Find out where the archive comes from; this agent does not make such archives.",
    )


def read_header(name: str, tar: Input) -> Mapping[str, Any]:
    """Return the header, which is the first member. Raises Refused, ArchiveUnknown, Broken."""
    member = tar_reading.member(tar.take, tar.tell())
    path = interface.HEADER.encode()
    if member is None or not _is_own(member, path) or member.size > manifest.LARGEST_HEADER:
        raise Refused(path, "is not where an archive begins")
    text = tar.take(member.size)
    tar.take(-member.size % tar_writing.RECORD)
    try:
        header = manifest.json_object(text)
    except manifest.Malformed:
        raise Refused(path, "is no JSON object") from None
    version = header.get("format")
    if type(version) is int and version > interface.FORMAT:
        raise errors.ArchiveUnknown(
            f"{name} has format {version}, and this agent knows those up to {interface.FORMAT}",
            hint="Use the teleport-bootstrap that made it, or a later one.",
        )
    if type(version) is not int or version < 1:
        raise Refused(path, "does not say which format this is")
    return header


def _is_own(member: Member, path: bytes) -> bool:
    head = member.head
    return head.name == path and head.type == tar_writing.REGULAR and member.segments is None and not head.xattrs


class _Verification:
    def __init__(  # noqa: PLR0917
        self, name: str, tar: Input, limits: interface.Limits, seen: Spool, lines: Spool, keep: Optional[Keep]
    ) -> None:
        self._name = name
        self._tar = tar
        self._order = Order(limits)
        self._seen = seen
        self._lines = lines
        self._keep = keep
        self._kept: dict[str, bytes] = {}
        self._wrong: list[tuple[str, str]] = []
        self._wrong_in_all = 0
        self._notes: list[interface.Note] = []
        self._notes_in_all = 0
        self._links: list[str] = []
        self._links_in_all = 0

    def run(self) -> interface.Verified:
        header = read_header(self._name, self._tar)
        member = self._files()
        self._seen.rewind()
        self._manifest(header, member)
        if tar_reading.member(self._tar.take, self._tar.tell()) is not None:
            raise Refused(b"", "something follows the manifest")
        digest = self._tar.finish()
        if self._wrong_in_all:
            raise diagnosis.error(self._name, "it is not what its manifest says", self._wrong, self._wrong_in_all)
        verified = interface.Verified(
            name=self._name,
            digest=digest,
            size=self._tar.done,
            compression=self._tar.compression,
            header=header,
            totals=self._order.totals,
            notes=tuple(self._notes),
            notes_in_all=self._notes_in_all,
            links_outside=0,
            first_links_outside=(),
            lines=self._lines,
            parse=manifest.kept_entry,
            kept=self._kept,
        )
        self._links_of(verified)
        verified.links_outside, verified.first_links_outside = self._links_in_all, tuple(self._links)
        return verified

    def _files(self) -> Member:
        """Look at every member up to the manifest, which is returned."""
        for member in tar_reading.members(self._tar.take, self._tar.tell):
            if _is_own(member, interface.MANIFEST.encode()):
                return member
            kind = self._order.look(member)
            digest = ""
            if kind == interface.FILE:
                digest = content_digest(member, self._read(member))
                self._tar.take(-member.data % tar_writing.RECORD)
            self._seen.write(manifest.line(as_entry(member, kind, digest)))
            self._tar.entries += 1
        raise Refused(b"", "there is no manifest")

    def _read(self, member: Member) -> Iterator[memoryview]:
        pieces = self._tar.pieces(member.data)
        path = os.fsdecode(member.head.name)
        if self._keep is None or member.segments is not None or not self._keep(path, member.size):
            return pieces
        self._kept[path] = b"".join(pieces)
        return iter([memoryview(self._kept[path])])

    def _manifest(self, header: Mapping[str, Any], member: Member) -> None:
        lines = _lines(self._tar.pieces(member.size))
        if next(lines, b"") != manifest.first_line(header):
            raise Refused(interface.MANIFEST.encode(), "does not begin with the header")
        last: Optional[interface.Totals] = None
        before: Optional[interface.Entry] = None
        for text in lines:
            try:
                found = manifest.parse(text)
            except manifest.Malformed as malformed:
                raise Refused(interface.MANIFEST.encode(), str(malformed)) from None
            if last is not None:
                raise Refused(interface.MANIFEST.encode(), "goes on behind its end")
            if isinstance(found, interface.Totals):
                last = found
            elif isinstance(found, interface.Note):
                self._note(found)
            else:
                self._compare(found, before)
                before = found
                self._lines.write(text)
        self._tar.take(-member.size % tar_writing.RECORD)
        if last != self._order.totals or self._seen.read(1) or (before is not None and before.superseded):
            raise Refused(interface.MANIFEST.encode(), "is not about all that is in the archive")

    def _compare(self, entry: interface.Entry, before: Optional[interface.Entry]) -> None:
        """Hold what the manifest says of a member against what was read of it."""
        seen = self._seen.line()
        is_again = before is not None and before.path == entry.path
        if is_again != (before is not None and before.superseded):
            raise Refused(os.fsencode(entry.path), "is there twice, or should be")
        if manifest.line(plain(entry)) != seen:
            told = manifest.parse_entry(seen) if seen else None
            if told is None or told.path != entry.path:
                raise Refused(os.fsencode(entry.path), "is in the manifest and not in the archive")
            what = "its content" if told.sha256 != entry.sha256 else "its owner, mode, times, size or attributes"
            self._wrong_in_all += 1
            if len(self._wrong) < diagnosis.NAMED:
                self._wrong.append((entry.path, f"{what} cannot be what was packed"))
        if entry.note:
            self._note(interface.Note(entry.path, entry.note))

    def _note(self, note: interface.Note) -> None:
        self._notes_in_all += 1
        if len(self._notes) < interface.NOTES_KEPT:
            self._notes.append(note)

    def _links_of(self, verified: interface.Verified) -> None:
        """Look where links lead. Raises Refused for a hard link to what is no file of the archive."""
        if not self._order.targets and not self._order.has_symlinks:
            return
        missing = set(self._order.targets)
        for entry in verified.entries():
            if entry.kind == interface.FILE:
                missing.discard(entry.path)
            elif entry.kind == interface.SYMLINK and leads_out(entry.path, entry.link, self._order.tops):
                self._links_in_all += 1
                if len(self._links) < _LINKS_SHOWN:
                    self._links.append(entry.path)
        for path in sorted(missing)[:1]:
            raise Refused(os.fsencode(path), "is named by a hard link, and is no file of the archive")


def _lines(pieces: Iterator[memoryview]) -> Iterator[bytes]:
    """Yield lines. Raises Refused for one that is too long, or has no end."""
    held = b""
    for piece in pieces:
        *whole, held = (held + bytes(piece)).split(b"\n")
        for line in whole:
            yield line + b"\n"
        if len(held) > manifest.LONGEST_LINE:
            break
    if held:
        raise Refused(interface.MANIFEST.encode(), "has a line that is too long, or without an end")
