"""Archives made for a test, with a correct digest at their end: an attacker can compute that too."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from teleport_bootstrap.archive import attributes, compression, interface, manifest, stream
from teleport_bootstrap.archive import tar as headers

HEADER = {"cluster": "example", "format": interface.FORMAT}


@dataclass(frozen=True)
class InMemory:
    """A Source."""

    data: bytes
    name: str = "crafted.tar.gz"

    @property
    def size(self) -> Optional[int]:
        return len(self.data)

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.data)


KINDS = {type: kind for kind, type in headers.TYPES.items()}


@dataclass(frozen=True)
class Head:
    """What stands before a member's content: as the agent writes it, but for `type`, which can be any."""

    member: headers.Member
    type: bytes

    @property
    def name(self) -> bytes:
        return os.fsencode(self.member.entry.path)

    def pack(self) -> bytes:
        written = self.member.headers()
        if self.type in KINDS:
            return written
        main = bytearray(written[-512:])
        main[156:157] = self.type
        main[148:156] = b" " * 8
        main[148:156] = b"%06o\0 " % sum(main)
        return written[:-512] + bytes(main)


def head(name: str, type: bytes = b"0", *, stored: int = 0, **others: Any) -> Head:
    """Return the head of a member with nothing special about it."""
    xattrs, segments = others.pop("xattrs", {}), others.pop("segments", None)
    facts = {"mode": 0o600, "uid": 0, "gid": 0, "owner": "root", "group": "root", "mtime": 1_700_000_000, **others}
    facts["mtime"] *= 1_000_000_000
    kind = KINDS.get(type, interface.FILE)
    entry = interface.Entry(name, kind, **facts, size=stored, xattrs=attributes.digest(xattrs))
    return Head(headers.Member(entry, xattrs, segments), type)


def file(name: str, content: bytes = b"content", **others: Any) -> tuple[Head, bytes]:
    """Return a regular file."""
    return head(name, stored=len(content), **others), content


def directory(name: str) -> tuple[Head, bytes]:
    return head(name, tarfile.DIRTYPE, mode=0o700), b""


def symlink(name: str, target: str) -> tuple[Head, bytes]:
    return head(name, tarfile.SYMTYPE, mode=0o777, link=target), b""


def hardlink(name: str, target: str) -> tuple[Head, bytes]:
    return head(name, tarfile.LNKTYPE, link=target), b""


def own(path: str, content: bytes) -> bytes:
    """Return one of the archive's own members."""
    return head(path, stored=len(content)).pack() + headers.padded(content)


def entry(member: Head, content: bytes) -> interface.Entry:
    """Return what a manifest has to say of a member."""
    found = member.member.entry
    digest = hashlib.sha256(content).hexdigest() if found.kind == interface.FILE else ""
    return found._replace(size=len(content), sha256=digest)


def tar(
    members: Iterable[tuple[Head, bytes]], *, raw: bytes = b"", lines: Optional[Sequence[interface.Entry]] = None
) -> bytes:
    """Return the tar of an archive of `members`; `raw` goes in before the manifest, which `lines` may replace."""
    members = list(members)
    header = manifest.first_line(HEADER)
    listed = [entry(*member) for member in members] if lines is None else lines
    totals = interface.Totals()
    for each in listed:
        totals = totals.with_one(each.kind, each.size, each.size)
    text = b"".join([header, *map(manifest.line, listed), manifest.last_line(totals)])
    parts = [own(interface.HEADER, json.dumps(HEADER).encode())]
    parts += [member.pack() + headers.padded(content) for member, content in members]
    return b"".join([*parts, raw, own(interface.MANIFEST, text), headers.END])


def sealed(data: bytes, *, block_size: int = compression.BLOCK_SIZE) -> bytes:
    """Return an archive of the tar `data`, compressed as gzip does."""
    blocks = [data[start : start + block_size] for start in range(0, len(data), block_size)]
    return marked(b"".join(map(compression.gzip_member, blocks)))


def marked(compressed: bytes) -> bytes:
    """Return an archive with this compressed tar between its marks."""
    whole = stream.BEGIN[compression.GZIP] + compressed
    return whole + stream.end_mark(compression.GZIP, hashlib.sha256(whole).digest())


def crafted(members: Iterable[tuple[Head, bytes]], **others: object) -> InMemory:
    """Return an archive of `members`."""
    return InMemory(sealed(tar(members, **others)))  # type: ignore[arg-type]
