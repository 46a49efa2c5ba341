"""Reading an archive from its first to its last byte, and checking all of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from teleport_bootstrap import errors
from teleport_bootstrap.archive import interface, manifest, tar_headers, tar_reader
from teleport_bootstrap.archive.safety import Order, as_entry, leads_out, plain
from teleport_bootstrap.archive.sparse import content_digest
from teleport_bootstrap.archive.spool import Spool
from teleport_bootstrap.archive.stream import Broken, Input
from teleport_bootstrap.archive.tar_reader import Member, Refused

UNLIMITED = interface.Limits()

Keep = Callable[[str, int], bool]

# How many damaged files an error names, and how many links a result; the others are counted.
_FILES_NAMED = 100
_LINKS_NAMED = 20


def verify(
    source: interface.Source,
    *,
    limits: interface.Limits = UNLIMITED,
    progress: interface.Progress | None = None,
    keep: Keep | None = None,
) -> interface.Verified:
    """Read all of `source` once and return what is in it; nothing is written but temporary files without a name.

    `keep(path, size)` is asked about each file; the content of those that it accepts is in the result.

    Raises ArchiveDamaged where a byte is changed, missing or added: it names the damaged files where the archive can be
    read to its manifest, else the first that cannot be read. Raises ArchiveUnsafe where the archive is undamaged but
    holds what must not be unpacked (paths or links that lead out, devices, more than `limits`); ArchiveUnknown where it
    is another kind of file, has a later format, or takes a program that is not installed; and what the source raises.
    """
    try:
        tar = Input(source, progress=progress)
    except Broken as broken:
        raise _damaged(source.name, f"{broken}; none of its files can be read", [], 0) from None
    with tar, Spool() as seen, contextlib.ExitStack() as on_failure:
        lines = Spool()
        on_failure.callback(lines.close)
        work = _Verification(source.name, tar, limits, seen, lines, keep)
        try:
            verified = work.run()
        except (Broken, Refused, errors.ArchiveUnknown) as error:
            # Whether the file is damaged comes first, and is known only at its end.
            if isinstance(error, Broken) or not tar.digest():
                raise work.damaged(error) from None
            if isinstance(error, Refused):
                raise unsafe(source.name, error) from None
            raise
        on_failure.pop_all()
        return verified


def unsafe(name: str, refused: Refused) -> errors.ArchiveUnsafe:
    """Return the error for a member that must not be unpacked."""
    path = f"{interface.shown(os.fsdecode(refused.path))} " if refused.path else ""
    return errors.ArchiveUnsafe(
        f"{name} is not safe to unpack: {path}{refused.text}",
        hint="Nothing was written. Find out where the archive comes from; this agent does not make such archives.",
    )


def _damaged(name: str, text: str, damaged: list[tuple[str, str]], damaged_in_all: int) -> errors.ArchiveDamaged:
    lines = [f"{name} is damaged: {text}"]
    lines += [f"{interface.shown(path)}: {what}" for path, what in damaged]
    if damaged_in_all > len(damaged):
        lines.append(f"and {damaged_in_all - len(damaged)} more")
    return errors.ArchiveDamaged(
        "\n".join(lines),
        hint="Use another backup; copies of this one in other places may be undamaged.",
        damaged=tuple(damaged),
    )


def read_header(name: str, tar: Input) -> Mapping[str, Any]:
    """Return the header, which is the first member. Raises Refused, ArchiveUnknown, Broken."""
    member = tar_reader.member(tar.take)
    path = interface.HEADER.encode()
    if member is None or not _is_own(member, path) or member.size > manifest.LARGEST_HEADER:
        raise Refused(path, "is not the first member")
    text = tar.take(member.size)
    tar.take(-member.size % tar_headers.RECORD)
    try:
        header = manifest.json_object(text)
    except manifest.Malformed:
        raise Refused(path, "is not a JSON object") from None
    version = header.get("format")
    if type(version) is int and version > interface.FORMAT:
        raise errors.ArchiveUnknown(
            f"{name} has format {version}, and this agent reads formats up to {interface.FORMAT}",
            hint="Use the teleport-bootstrap that made it, or a later one.",
        )
    if type(version) is not int or version < 1:
        raise Refused(path, "does not say which format this is")
    return header


def _is_own(member: Member, path: bytes) -> bool:
    head = member.head
    return head.name == path and head.type == tar_headers.REGULAR and member.segments is None and not head.xattrs


class _Verification:
    def __init__(  # noqa: PLR0917
        self, name: str, tar: Input, limits: interface.Limits, seen: Spool, lines: Spool, keep: Keep | None
    ) -> None:
        self._name = name
        self._tar = tar
        self._order = Order(limits)
        # A line of a manifest for each member, as it was read, and as the manifest has it.
        self._seen = seen
        self._lines = lines
        self._keep = keep
        self._kept: dict[str, bytes] = {}
        # The member that is being read, and whether the manifest has been compared.
        self._path = ""
        self._is_reading = False
        self._is_compared = False
        self._wrong: list[tuple[str, str]] = []
        self._wrong_in_all = 0
        self._notes = interface.Notes()

    def run(self) -> interface.Verified:
        header = read_header(self._name, self._tar)
        member = self._files()
        self._seen.rewind()
        self._compare_manifest(header, member)
        if tar_reader.member(self._tar.take) is not None:
            raise Refused(b"", "a member follows the manifest")
        digest = self._tar.finish()
        if self._wrong_in_all:
            raise _damaged(self._name, "it is not what its manifest says", self._wrong, self._wrong_in_all)
        verified = interface.Verified(
            name=self._name,
            digest=digest,
            size=self._tar.done,
            compression=self._tar.compression,
            header=header,
            totals=self._order.totals,
            notes=tuple(self._notes.first),
            notes_in_all=self._notes.in_all,
            lines=self._lines,
            parse=manifest.kept_entry,
            kept=self._kept,
        )
        self._check_links(verified)
        return verified

    def damaged(self, error: Exception) -> errors.ArchiveDamaged:
        """Return the error for an archive that is damaged, which showed in `error`."""
        text = str(error) if isinstance(error, Broken) else "the SHA-256 at its end is not that of the file"
        if self._is_compared and not self._wrong_in_all:
            return _damaged(self._name, f"{text}; the files in it are as they were packed", [], 0)
        if self._is_compared:
            text += f"; {self._wrong_in_all} of the files in it are not as they were packed"
            return _damaged(self._name, text, self._wrong, self._wrong_in_all)
        if self._path == interface.MANIFEST:
            return _damaged(self._name, f"{text}; its manifest is damaged too", self._wrong, self._wrong_in_all)
        if self._is_reading:
            text += "; the files before this one could not be compared with the manifest, which is at the end"
            return _damaged(self._name, text, [(self._path, "cannot be read to its end")], 1)
        last = f"nothing after {interface.shown(self._path)} can be read" if self._path else "no file can be read"
        return _damaged(self._name, f"{text}; {last}", self._wrong, self._wrong_in_all)

    def _files(self) -> Member:
        """Check every member up to the manifest, which is returned."""
        while member := tar_reader.member(self._tar.take):
            if _is_own(member, interface.MANIFEST.encode()):
                self._path, self._is_reading = interface.MANIFEST, True
                return member
            kind = self._order.check(member)
            self._path, self._is_reading = os.fsdecode(member.head.name), True
            digest = ""
            if kind == interface.FILE:
                digest = content_digest(member, self._read(member))
                self._tar.take(-member.data % tar_headers.RECORD)
            self._is_reading = False
            self._seen.write(manifest.line(as_entry(member, kind, digest)))
            self._tar.entries += 1
        raise Refused(b"", "the manifest is missing")

    def _read(self, member: Member) -> Iterator[memoryview]:
        pieces = self._tar.pieces(member.data)
        if self._keep is None or member.segments is not None or not self._keep(self._path, member.size):
            return pieces
        self._kept[self._path] = b"".join(pieces)
        return iter([memoryview(self._kept[self._path])])

    def _compare_manifest(self, header: Mapping[str, Any], member: Member) -> None:
        lines = _lines(self._tar.pieces(member.size))
        if next(lines, b"") != manifest.first_line(header):
            raise _refused_manifest("does not begin with the header")
        totals: interface.Totals | None = None
        before: interface.Entry | None = None
        for text in lines:
            try:
                found = manifest.parse(text)
            except manifest.Malformed as malformed:
                raise _refused_manifest(str(malformed)) from None
            if totals is not None:
                raise _refused_manifest("goes on after its end")
            if isinstance(found, interface.Totals):
                totals = found
            elif isinstance(found, interface.Note):
                self._notes.add(found)
            else:
                self._compare(found, before)
                before = found
                self._lines.write(text)
        self._tar.take(-member.size % tar_headers.RECORD)
        if totals != self._order.totals or self._seen.read(1) or (before is not None and before.superseded):
            raise _refused_manifest("does not list exactly what is in the archive")
        self._is_compared = True

    def _compare(self, entry: interface.Entry, before: interface.Entry | None) -> None:
        """Compare what the manifest says of a member with what was read."""
        seen = self._seen.line()
        is_again = before is not None and before.path == entry.path
        if is_again != (before is not None and before.superseded):
            raise Refused(os.fsencode(entry.path), "is in the archive twice, or is missing the second time")
        if manifest.line(plain(entry)) != seen:
            found = manifest.parse_entry(seen) if seen else None
            if found is None or found.path != entry.path:
                raise Refused(os.fsencode(entry.path), "is in the manifest and not in the archive")
            what = (
                "its content is" if found.sha256 != entry.sha256 else "its owner, mode, times, size or attributes are"
            )
            self._wrong_in_all += 1
            if len(self._wrong) < _FILES_NAMED:
                self._wrong.append((entry.path, f"{what} damaged"))
        if entry.note:
            self._notes.add(interface.Note(entry.path, entry.note))

    def _check_links(self, verified: interface.Verified) -> None:
        """Find links that lead out. Raises Refused for a hard link to something that is not a file of the archive."""
        if not self._order.targets and not self._order.has_symlinks:
            return
        missing = set(self._order.targets)
        outside: list[str] = []
        for entry in verified.entries():
            if entry.kind == interface.FILE:
                missing.discard(entry.path)
            elif entry.kind == interface.SYMLINK and leads_out(entry.path, entry.link, self._order.tops):
                verified.links_outside += 1
                if len(outside) < _LINKS_NAMED:
                    outside.append(entry.path)
        for path in sorted(missing)[:1]:
            raise Refused(os.fsencode(path), "is the target of a hard link, and is not a file of the archive")
        verified.first_links_outside = tuple(outside)


def _refused_manifest(text: str) -> Refused:
    return Refused(interface.MANIFEST.encode(), text)


def _lines(pieces: Iterator[memoryview]) -> Iterator[bytes]:
    """Yield lines. Raises Refused for one that is too long, or has no end."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + bytes(piece)).split(b"\n")
        for line in whole:
            yield line + b"\n"
        if len(rest) > manifest.LONGEST_LINE:
            break
    if rest:
        raise _refused_manifest("has a line that is too long, or without an end")
