"""What certificates are written in, DER: as much as it takes to find a part of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

SEQUENCE, SET, OCTETS, OBJECT = 0x30, 0x31, 0x04, 0x06


def one(data: bytes, tag: int) -> bytes:
    """Return the content of the first element, which has this tag. Raises ValueError."""
    found, inside = next(elements(data), (None, b""))
    if found != tag:
        raise ValueError("this is not a certificate")
    return inside


def content(parts: Sequence[tuple[int, bytes]], tag: int) -> bytes:
    """Return the content of the first of `parts` with this tag, empty where there is none."""
    return next((inside for found, inside in parts if found == tag), b"")


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and the content of each element. Raises ValueError, and IndexError where it ends early."""
    position = 0
    while position < len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[position : position + size], "big")
            position += size
        if length > len(data) - position:
            raise ValueError("this is not a certificate")
        yield tag, data[position : position + length]
        position += length
