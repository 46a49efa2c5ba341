"""Archives made by hand, sealed as well as our own: whoever makes a bad one can do that."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from teleport_bootstrap.archive import container, interface, manifest, safety, tar_writing
from teleport_bootstrap.archive.tar_reading import Member
from teleport_bootstrap.archive.tar_writing import Head

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


def head(name: str, type: bytes = tar_writing.REGULAR, **others: object) -> Head:
    """Return the head of a member with nothing special about it."""
    facts = {"mode": 0o600, "uid": 0, "gid": 0, "owner": b"root", "group": b"root", "mtime": 1_700_000_000, **others}
    return Head(os.fsencode(name), type, **facts)  # type: ignore[arg-type]


def file(name: str, content: bytes = b"content", **others: object) -> tuple[Head, bytes]:
    """Return a regular file."""
    return head(name, stored=len(content), **others), content


def directory(name: str) -> tuple[Head, bytes]:
    return head(name, tar_writing.DIRECTORY, mode=0o700), b""


def symlink(name: str, target: str) -> tuple[Head, bytes]:
    return head(name, tar_writing.SYMBOLIC, mode=0o777, link=os.fsencode(target)), b""


def hardlink(name: str, target: str) -> tuple[Head, bytes]:
    return head(name, tar_writing.LINK, link=os.fsencode(target)), b""


def own(path: str, content: bytes) -> bytes:
    """Return one of the archive's own members."""
    return head(path, stored=len(content)).pack() + tar_writing.padded(content)


def entry(member: Head, content: bytes) -> interface.Entry:
    """Return what a manifest has to say of a member."""
    kind = safety.KINDS.get(member.type, interface.FILE)
    digest = hashlib.sha256(content).hexdigest() if kind == interface.FILE else ""
    return safety.as_entry(Member(member, 0, len(content), len(content)), kind, digest)


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
    parts += [member.pack() + tar_writing.padded(content) for member, content in members]
    return b"".join([*parts, raw, own(interface.MANIFEST, text), tar_writing.END])


def sealed(data: bytes, *, block_size: int = container.BLOCK_SIZE) -> bytes:
    """Return an archive of the tar `data`, compressed as gzip does."""
    sealer = container.Sealer(container.GZIP)
    parts = [sealer.begin()]
    for start in range(0, len(data), block_size):
        block = data[start : start + block_size]
        work = zlib.compressobj(6, zlib.DEFLATED, -15)
        stored = work.compress(block) + work.flush()
        stored += zlib.crc32(block).to_bytes(4, "little") + len(block).to_bytes(4, "little")
        parts += [sealer.block(len(block), container.NO_MEMBER, len(stored), hashlib.sha256(stored).digest()), stored]
    parts.append(sealer.seal()[0])
    return b"".join(parts)


def crafted(members: Iterable[tuple[Head, bytes]], **others: object) -> InMemory:
    """Return an archive of `members`."""
    return InMemory(sealed(tar(members, **others)))  # type: ignore[arg-type]
