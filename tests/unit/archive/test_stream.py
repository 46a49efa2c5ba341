"""The outermost layer of an archive: every byte counts, and other files are not taken for archives."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.archive import compression, stream
from tests.unit.archive import crafted
from tests.unit.archive.crafted import InMemory

TAR = crafted.tar([crafted.file("a"), crafted.file("b", b"other" * 1000)])
ARCHIVE = crafted.sealed(TAR, block_size=1536)


def read(data: bytes) -> bytes:
    with stream.Input(InMemory(data)) as tar:
        content = tar.take(len(TAR))
        tar.finish()
    return content


def is_noticed(data: bytes) -> bool:
    try:
        return read(data) != TAR
    except compression.Broken:
        return True


def test_writes_and_reads_with_the_same_digest() -> None:
    with stream.Digest() as digest:
        parts = iter([TAR[:700], TAR[700:]])
        whole = b"".join(stream.archive(parts, compression.GZIP, digest))
        expected = hashlib.sha256(whole[: -len(stream.end_mark(compression.GZIP, bytes(32)))]).digest()
        assert digest.digest() == expected
    with stream.Input(InMemory(whole)) as tar:
        assert tar.take(len(TAR)) == TAR
        assert tar.finish() == expected.hex()


def test_gzip_reads_the_archive_as_an_ordinary_file() -> None:
    assert gzip.decompress(ARCHIVE) == TAR


def test_notices_a_flip_of_any_byte() -> None:
    assert not is_noticed(ARCHIVE)
    for at in range(len(ARCHIVE)):
        changed = bytearray(ARCHIVE)
        changed[at] ^= 1 << at % 8
        assert is_noticed(bytes(changed)), at


def test_notices_every_truncation_and_appended_data() -> None:
    assert [size for size in range(len(ARCHIVE)) if not is_noticed(ARCHIVE[:size])] == []
    assert is_noticed(ARCHIVE + b"\0")
    assert is_noticed(ARCHIVE + ARCHIVE)


def pieces() -> list[bytes]:
    """Return the gzip members of the archive, its marks included."""
    marks = [at for at in range(len(ARCHIVE)) if ARCHIVE.startswith(b"\x1f\x8b\x08\x04", at)]
    return [ARCHIVE[start:end] for start, end in zip(marks, [*marks[1:], len(ARCHIVE)])]


@pytest.mark.parametrize(
    "change",
    [
        lambda found: [found[0], found[2], found[1], *found[3:]],
        lambda found: [found[0], found[1], found[1], *found[2:]],
        lambda found: [found[0], *found[2:]],
        lambda found: [*found[:-2], found[-1]],
    ],
    ids=["swapped", "repeated", "left out", "last left out"],
)
def test_notices_members_that_are_swapped_repeated_or_missing(
    change: Callable[[list[bytes]], list[bytes]],
) -> None:
    assert b"".join(pieces()) == ARCHIVE and len(pieces()) > 5
    assert is_noticed(b"".join(change(pieces())))


def test_notices_the_end_mark_of_another_archive() -> None:
    other = crafted.sealed(crafted.tar([crafted.file("a", b"CONTENT")]))
    size = len(pieces()[-1])
    assert is_noticed(ARCHIVE[:-size] + other[-size:])


def test_a_foreign_file_is_unknown_and_a_damaged_beginning_is_damage() -> None:
    for foreign in (gzip.compress(b"tar"), b"\x28\xb5\x2f\xfd" + bytes(100), b"PK\x03\x04" + bytes(100)):
        with pytest.raises(errors.ArchiveUnknown, match="is not a backup"):
            read(foreign)
    for damaged in (b"", ARCHIVE[:5], bytes([ARCHIVE[0] ^ 1]) + ARCHIVE[1:]):
        with pytest.raises(compression.Broken):
            read(damaged)
