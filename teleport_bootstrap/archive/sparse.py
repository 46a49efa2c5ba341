"""Sparse files: where their data is, and the SHA-256 of a file's whole content, holes included."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from typing import Any, Final

from teleport_bootstrap.archive.tar_reader import MOST_SEGMENTS, Member

_ZEROS: Final = bytes(1024 * 1024)


def segments(descriptor: int, size: int) -> list[tuple[int, int]] | None:
    """Return the stretches of data among the first `size` bytes as (offset, length); None where there is no hole.

    Where there would be too many stretches, small holes count as data. Raises OSError.
    """
    found: list[tuple[int, int]] = []
    at = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole up to the end
                break
            if error.errno == errno.EINVAL:  # this file system does not support it
                return None
            raise
        if start >= size:
            break
        end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        if end <= start:  # the file was cut off at this very moment
            break
        found.append((start, end - start))
        if len(found) > MOST_SEGMENTS:
            found = _merged_in_pairs(found)
        at = end
    return None if found == [(0, size)] or not size else found


def _merged_in_pairs(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    last = found[-1:] if len(found) % 2 else []
    pairs = zip(found[::2], found[1::2])
    return [(first[0], second[0] + second[1] - first[0]) for first, second in pairs] + last


def hash_zeros(whole: Any, size: int) -> None:
    """Update a hash with `size` zeros, which a hole reads as."""
    while size > 0:
        whole.update(_ZEROS if size >= len(_ZEROS) else _ZEROS[:size])
        size -= len(_ZEROS)


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


def content_digest(member: Member, data: Iterator[memoryview]) -> str:
    """Return the SHA-256 of a file's content in hexadecimal; `data` are its stretches between holes."""
    whole = hashlib.sha256()
    at = 0
    for start, part in placed(member, data):
        hash_zeros(whole, start - at)
        whole.update(part)
        at = start + len(part)
    hash_zeros(whole, member.size - at)
    return whole.hexdigest()
