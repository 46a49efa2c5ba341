"""Archives made for a test, with a correct digest at their end: an attacker can compute that too."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from teleport_bootstrap.archive import compression, interface, manifest, safety, stream, tar_headers
from teleport_bootstrap.archive.tar_headers import Head
from teleport_bootstrap.archive.tar_reader import Member

GZIP = next(each for each in stream.FORMATS if each.name == compression.GZIP)
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


def head(name: str, type: bytes = tar_headers.REGULAR, **others: object) -> Head:
    """Return the head of a member with nothing special about it."""
    facts = {"mode": 0o600, "uid": 0, "gid": 0, "owner": b"root", "group": b"root", "mtime": 1_700_000_000, **others}
    return Head(os.fsencode(name), type, **facts)  # type: ignore[arg-type]


def file(name: str, content: bytes = b"content", **others: object) -> tuple[Head, bytes]:
    """Return a regular file."""
    return head(name, stored=len(content), **others), content


def directory(name: str) -> tuple[Head, bytes]:
    return head(name, tar_headers.DIRECTORY, mode=0o700), b""


def symlink(name: str, target: str) -> tuple[Head, bytes]:
    return head(name, tar_headers.SYMBOLIC, mode=0o777, link=os.fsencode(target)), b""


def hardlink(name: str, target: str) -> tuple[Head, bytes]:
    return head(name, tar_headers.LINK, link=os.fsencode(target)), b""


def own(path: str, content: bytes) -> bytes:
    """Return one of the archive's own members."""
    return head(path, stored=len(content)).pack() + tar_headers.padded(content)


def entry(member: Head, content: bytes) -> interface.Entry:
    """Return what a manifest has to say of a member."""
    kind = safety.KINDS.get(member.type, interface.FILE)
    digest = hashlib.sha256(content).hexdigest() if kind == interface.FILE else ""
    return safety.as_entry(Member(member, len(content), len(content)), kind, digest)


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
    parts += [member.pack() + tar_headers.padded(content) for member, content in members]
    return b"".join([*parts, raw, own(interface.MANIFEST, text), tar_headers.END])


def sealed(data: bytes, *, block_size: int = compression.BLOCK_SIZE) -> bytes:
    """Return an archive of the tar `data`, compressed as gzip does."""
    blocks = [data[start : start + block_size] for start in range(0, len(data), block_size)]
    return marked(b"".join(map(compression.gzip_member, blocks)))


def marked(compressed: bytes) -> bytes:
    """Return an archive with this compressed tar between its marks."""
    whole = GZIP.begin + compressed
    return whole + GZIP.end_mark(hashlib.sha256(whole).digest())


def crafted(members: Iterable[tuple[Head, bytes]], **others: object) -> InMemory:
    """Return an archive of `members`."""
    return InMemory(sealed(tar(members, **others)))  # type: ignore[arg-type]
