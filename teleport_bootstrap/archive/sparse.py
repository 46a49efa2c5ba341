"""Sparse files: where their data is."""

from __future__ import annotations

import errno
import os

from teleport_bootstrap.archive.tar import MOST_SEGMENTS


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
