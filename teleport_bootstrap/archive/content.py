"""The content of a regular file: stretches of data, with holes between them where it is sparse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from teleport_bootstrap.archive.tar_reading import Member

ZEROS: Final = bytes(1024 * 1024)


def hash_zeros(whole: Any, size: int) -> None:
    """Let a hash take `size` zeros, which a hole reads as."""
    while size > 0:
        whole.update(ZEROS if size >= len(ZEROS) else ZEROS[:size])
        size -= len(ZEROS)


def content_digest(member: Member, data: Iterator[memoryview]) -> str:
    """Return the SHA-256 of a file's content, holes included, of which `data` are the stretches between them."""
    whole = hashlib.sha256()
    if member.segments is None:
        for part in data:
            whole.update(part)
        return whole.hexdigest()
    at = 0
    for start, part in placed(member, data):
        hash_zeros(whole, start - at)
        whole.update(part)
        at = start + len(part)
    hash_zeros(whole, member.size - at)
    return whole.hexdigest()


def placed(member: Member, data: Iterator[memoryview]) -> Iterator[tuple[int, memoryview]]:
    """Yield the pieces of a file's data, each with its offset in the file."""
    left = memoryview(b"")
    for start, length in member.segments if member.segments is not None else ((0, member.size),):
        at = start
        while at < start + length:
            left = left or next(data)
            part, left = left[: start + length - at], left[start + length - at :]
            yield at, part
            at += len(part)
