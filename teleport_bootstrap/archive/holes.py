"""Where the data of a sparse file are."""

from __future__ import annotations

import errno
import os

from teleport_bootstrap.archive.tar_reading import MOST_SEGMENTS


def segments(descriptor: int, size: int) -> list[tuple[int, int]] | None:
    """Return the stretches of data among the first `size` bytes as (offset, length); None where there is no hole.

    Small holes are taken for data where there would be too many stretches. Raises OSError.
    """
    found: list[tuple[int, int]] = []
    at = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                break
            if error.errno == errno.EINVAL:  # this file system does not tell
                return None
            raise
        if start >= size:
            break
        end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        if end <= start:  # it was cut off this very moment
            break
        found.append((start, end - start))
        if len(found) > MOST_SEGMENTS:
            found = _in_pairs(found)
        at = end
    return None if found == [(0, size)] or not size else found


def _in_pairs(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return half as many stretches, each with the hole in its middle."""
    last = found[-1:] if len(found) % 2 else []
    pairs = zip(found[::2], found[1::2])
    return [(first[0], second[0] + second[1] - first[0]) for first, second in pairs] + last
