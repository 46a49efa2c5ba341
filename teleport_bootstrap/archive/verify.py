"""Reading an archive from its first to its last byte, and checking all of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from teleport_bootstrap import errors
from teleport_bootstrap.archive import interface, manifest, tar
from teleport_bootstrap.archive.compression import Broken
from teleport_bootstrap.archive.safety import Order, leads_out
from teleport_bootstrap.archive.spool import Spool
from teleport_bootstrap.archive.stream import Input
from teleport_bootstrap.archive.tar import Member, Refused
from teleport_bootstrap.hints import Any, Protocol
from teleport_bootstrap.records import dataclass, field

UNLIMITED = interface.Limits()

Keep = Callable[[str, int], bool]

NOT_A_TARGET = "is the target of a hard link, and is not a file of the archive"

# How many links a result names; the others are counted.
_LINKS_NAMED = 20


class Receiver(Protocol):
    """Is given an archive while it is read, before it is known whether it is undamaged. What it raises ends that."""

    def begin(self, header: Mapping[str, Any], kept: Mapping[str, bytes]) -> None:
        """Begin: this is the header, and `kept` will have the content of the files to keep, as they are read."""

    def take(self, member: Member, data: Iterable[memoryview | bytes]) -> str:
        """Take the next member; return the SHA-256 of the content of a file, of which it reads all, "" for others."""


class _Differs(Refused):
    """A file is not what the manifest says."""


def verify(
    source: interface.Source,
    *,
    limits: interface.Limits = UNLIMITED,
    progress: interface.Progress | None = None,
    keep: Keep | None = None,
    receiver: Receiver | None = None,
) -> interface.Verified:
    """Read all of `source` once and return what is in it; nothing is written but temporary files without a name.

    `keep(path, size)` is asked about each file; the content of those that it accepts is in the result. `receiver` is
    given each member that may be unpacked, in their order.

    Raises ArchiveDamaged where a byte is changed, missing or added: it names the first damaged file where the archive
    can be read to its manifest, else the first that cannot be read. Raises ArchiveUnsafe where the archive is undamaged
    but holds what must not be unpacked (paths or links that lead out, devices, more than `limits`); ArchiveUnknown
    where it is another kind of file, has a later format, or takes a program that is not installed; and what the source
    raises.
    """
    try:
        archive = Input(source, progress)
    except Broken as broken:
        raise _damaged(source.name, f"{broken}; none of its files can be read") from None
    with archive, Spool() as seen, contextlib.ExitStack() as on_failure:
        lines = on_failure.enter_context(Spool())
        work = _Verification(source.name, archive, Order(limits), seen, lines, keep, receiver)
        try:
            verified = work.run()
        except (Broken, Refused, errors.ArchiveUnknown) as error:
            # Whether the file is damaged comes first, and is known only at its end.
            if isinstance(error, (Broken, _Differs)) or not archive.digest():
                raise work.damaged(error) from None
            if isinstance(error, Refused):
                raise unsafe(source.name, error) from None
            raise
        on_failure.pop_all()
        return verified


def unsafe(name: str, refused: Refused) -> errors.ArchiveUnsafe:
    """Return the error for a member that must not be unpacked."""
    path = f"{interface.printable(refused.path)} " if refused.path else ""
    return errors.ArchiveUnsafe(
        f"{name} is not safe to unpack: {path}{refused.text}",
        hint="Nothing was written. Find out where the archive comes from; this agent does not make such archives.",
    )


def _damaged(name: str, text: str, path: str = "", what: str = "") -> errors.ArchiveDamaged:
    return errors.ArchiveDamaged(
        f"{name} is damaged: {text}",
        lines=[f"{interface.printable(path)}: {what}"] if path else (),
        hint="Use another backup; copies of this one in other places may be undamaged.",
    )


def _is_own(member: Member, path: str) -> bool:
    is_plain_file = member.entry.kind == interface.FILE and member.segments is None and not member.extended
    return is_plain_file and member.entry.path == path


@dataclass
class _Verification:
    name: str
    archive: Input
    order: Order
    # A line of a manifest for each member, as it was read, and as the manifest has it.
    seen: Spool
    lines: Spool
    keep: Keep | None
    receiver: Receiver | None
    kept: dict[str, bytes] = field(default_factory=dict)
    notes: interface.Notes = field(default_factory=interface.Notes)
    # The member that is being read, and whether the manifest has been compared.
    path: str = ""
    is_reading: bool = False
    is_compared: bool = False

    def run(self) -> interface.Verified:
        header = self._read_header()
        if self.receiver is not None:
            self.receiver.begin(header, self.kept)
        self._read_manifest(header, self._read_files())
        if tar.read(self.archive.take) is not None:
            raise Refused("", "a member follows the manifest")
        verified = interface.Verified(
            name=self.name,
            digest=self.archive.finish(),
            size=self.archive.done,
            compression=self.archive.compression,
            header=header,
            totals=self.order.totals,
            notes=tuple(self.notes.first),
            notes_in_all=self.notes.in_all,
            missing=tuple(self.notes.missing),
            missing_in_all=self.notes.missing_in_all,
            lines=self.lines,
            parse=manifest.entry,
            kept=self.kept,
        )
        self._check_links(verified)
        return verified

    def damaged(self, error: Exception) -> errors.ArchiveDamaged:
        """Return the error for an archive that is damaged, which showed in `error`."""
        if isinstance(error, _Differs):
            return _damaged(self.name, "it is not what its manifest says", error.path, error.text)
        text = str(error) if isinstance(error, Broken) else "the SHA-256 at its end is not that of the file"
        if self.is_compared:
            return _damaged(self.name, f"{text}; the files in it are as they were packed")
        if self.is_reading:
            text += "; the files before this one could not be compared with the manifest, which is at the end"
            return _damaged(self.name, text, self.path, "cannot be read to its end")
        last = f"nothing after {interface.printable(self.path)} can be read" if self.path else "no file can be read"
        return _damaged(self.name, f"{text}; {last}")

    def _read_header(self) -> Mapping[str, Any]:
        member, path = tar.read(self.archive.take), interface.HEADER
        if member is None or not _is_own(member, path) or member.data > manifest.LARGEST_HEADER:
            raise Refused(path, "is not the first member")
        text = self.archive.take(member.data + member.padding)[: member.data]
        try:
            header = manifest.json_object(text)
        except manifest.Malformed:
            raise Refused(path, "is not a JSON object") from None
        version = header.get("format")
        if type(version) is int and version > interface.FORMAT:
            raise errors.ArchiveUnknown(
                f"{self.name} has format {version}, and this agent reads formats up to {interface.FORMAT}",
                hint="Use the teleport-bootstrap that made it, or a later one.",
            )
        if type(version) is not int or version < 1:
            raise Refused(path, "does not say which format this is")
        return header

    def _read_files(self) -> Member:
        """Check every member up to the manifest, which is returned."""
        archive, receiver, seen = self.archive, self.receiver, self.seen
        while member := tar.read(archive.take):
            entry = member.entry
            is_manifest = entry.path == interface.MANIFEST and _is_own(member, interface.MANIFEST)
            if not is_manifest:
                self.order.check(member)
            self.path, self.is_reading = entry.path, True
            if is_manifest:
                return member
            if entry.kind == interface.FILE:
                content = self._content(member)
                sha256 = tar.content_digest(member, content) if receiver is None else receiver.take(member, content)
                entry = entry._replace(sha256=sha256)
                archive.take(member.padding)
            elif receiver is not None:
                receiver.take(member, ())
            self.is_reading = False
            seen.write(manifest.line(entry))
            archive.entries += 1
        raise Refused("", "the manifest is missing")

    def _content(self, member: Member) -> Iterable[bytes | memoryview]:
        pieces = self.archive.pieces(member.data)
        if self.keep is None or member.segments is not None or not self.keep(self.path, member.data):
            return pieces
        self.kept[self.path] = b"".join(pieces)
        return (self.kept[self.path],)

    def _read_manifest(self, header: Mapping[str, Any], member: Member) -> None:
        """Compare the manifest with what was read."""
        self.seen.rewind()
        seen = self.seen.line()
        lines = _lines(self.archive.pieces(member.data))
        if next(lines, b"") != manifest.first_line(header):
            raise Refused(interface.MANIFEST, "does not begin with the header")
        is_ended = False
        for text in lines:
            if is_ended:
                raise Refused(interface.MANIFEST, "goes on after its end")
            if seen and manifest.is_as_seen(seen, text):
                self.lines.write(text)
                seen = self.seen.line()
                continue
            try:
                values = manifest.json_object(text)
                if "path" in values:
                    self._compare(seen, text, values)
                    seen = self.seen.line()
                elif "left_out" in values:
                    self.notes.add(manifest.note(text, values))
                elif text == manifest.last_line(self.order.totals):
                    is_ended = True
                else:
                    raise Refused(interface.MANIFEST, "does not list exactly what is in the archive")
            except manifest.Malformed as malformed:
                raise Refused(interface.MANIFEST, str(malformed)) from None
        self.archive.take(member.padding)
        if not is_ended or seen:
            raise Refused(interface.MANIFEST, "does not list exactly what is in the archive")
        self.is_compared = True

    def _compare(self, line: bytes, text: bytes, values: Mapping[str, Any]) -> None:
        """Compare what the manifest says of a member with the line of what was read."""
        seen = manifest.entry(line) if line else None
        if seen is None or seen.path != values["path"]:
            raise Refused(str(values["path"]), "is in the manifest and not in the archive")
        entry = manifest.as_listed(seen, text, values)
        if entry is None:
            is_content = seen.sha256 != values.get("sha256", "")
            what = "its content is" if is_content else "its owner, mode, times, size or attributes are"
            raise _Differs(seen.path, f"{what} damaged")
        if entry.note:
            self.notes.add(interface.Note(entry.path, entry.note))
        self.lines.write(text)

    def _check_links(self, verified: interface.Verified) -> None:
        """Find links that lead out. Raises Refused for a hard link to something that is not a file of the archive."""
        if not self.order.targets and not self.order.has_symlinks:
            return
        missing = set(self.order.targets)
        outside: list[str] = []
        for entry in verified.entries():
            if entry.kind == interface.FILE:
                missing.discard(entry.path)
            elif entry.kind == interface.SYMLINK and leads_out(entry.path, entry.link, self.order.tops):
                verified.links_outside += 1
                outside += [entry.path] if len(outside) < _LINKS_NAMED else []
        if missing:
            raise Refused(min(missing), NOT_A_TARGET)
        verified.first_links_outside = tuple(outside)


def _lines(pieces: Iterable[memoryview]) -> Iterator[bytes]:
    """Yield lines. Raises Refused for one that is too long, or has no end."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + bytes(piece)).split(b"\n")
        for line in whole:
            yield line + b"\n"
        if len(rest) > manifest.LONGEST_LINE:
            break
    if rest:
        raise Refused(interface.MANIFEST, "has a line that is too long, or without an end")
