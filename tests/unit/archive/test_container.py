"""Blocks, their introductions and the seal: every byte counts, and what is whole is found."""

from __future__ import annotations

import gzip
import hashlib
import io

import pytest

from teleport_bootstrap.archive import container
from tests.unit.archive import crafted

TAR = crafted.tar([crafted.file("a"), crafted.file("b", b"other" * 1000)])
ARCHIVE = crafted.sealed(TAR, block_size=1536)


def read(data: bytes) -> list[container.Block | str]:
    stream = io.BytesIO(data)
    return list(container.blocks(stream.read, container.GZIP))


def test_the_blocks_come_in_order_and_the_seal_last() -> None:
    *blocks, digest = read(ARCHIVE)
    assert [each.introduction.index for each in blocks if isinstance(each, container.Block)] == list(range(len(blocks)))
    assert isinstance(digest, str) and len(digest) == 64
    assert all(isinstance(each, container.Block) and each.is_good() for each in blocks)


def test_gzip_reads_the_archive_as_if_there_were_nothing_special_about_it() -> None:
    assert gzip.decompress(ARCHIVE) == TAR


def is_noticed(data: bytes) -> bool:
    try:
        return not all(isinstance(each, str) or each.is_good() for each in read(data))
    except container.Broken:
        return True


def test_a_flip_of_any_byte_is_noticed() -> None:
    assert not is_noticed(ARCHIVE)
    for at in range(len(ARCHIVE)):
        changed = bytearray(ARCHIVE)
        changed[at] ^= 1 << at % 8
        assert is_noticed(bytes(changed)), at


def test_every_truncation_and_whatever_follows_is_noticed() -> None:
    assert [size for size in range(len(ARCHIVE)) if not is_noticed(ARCHIVE[:size])] == []
    assert is_noticed(ARCHIVE + b"\0")
    assert is_noticed(ARCHIVE + ARCHIVE)


def test_blocks_that_are_swapped_repeated_or_left_out_are_noticed() -> None:
    marks = [at for at in range(len(ARCHIVE)) if ARCHIVE.startswith(container.GZIP.before, at)]
    pieces = [ARCHIVE[start:end] for start, end in zip(marks, [*marks[1:], len(ARCHIVE)])]
    assert b"".join(pieces) == ARCHIVE and len(pieces) > 3
    assert is_noticed(b"".join([pieces[1], pieces[0], *pieces[2:]]))
    assert is_noticed(b"".join([pieces[0], pieces[0], *pieces[1:]]))
    assert is_noticed(b"".join([pieces[0], *pieces[2:]]))
    assert is_noticed(b"".join([*pieces[:-2], pieces[-1]]))


def test_the_seal_of_another_archive_is_noticed() -> None:
    other = crafted.sealed(
        crafted.tar([crafted.file("a", b"CONTENT"), crafted.file("b", b"other" * 1000)]), block_size=1536
    )
    seal = len(container.GZIP.before) + container.INTRODUCTION_SIZE + len(container.GZIP.end)
    assert is_noticed(ARCHIVE[:-seal] + other[-seal:])


@pytest.mark.parametrize("format", container.FORMATS, ids=lambda each: each.name)
def test_an_introduction_that_says_impossible_sizes_is_none(format: container.Format) -> None:
    digest = hashlib.sha256(b"").digest()
    good = container.Introduction(1, 2, 3, 4, 5, digest)
    assert container.introduction(good.pack()) == good
    for size, stored in ((container.LARGEST_BLOCK + 1, 1), (1, container.LARGEST_STORED + 1)):
        assert container.introduction(container.Introduction(0, 0, size, stored, 0, digest).pack()) is None


def salvaged(data: bytes) -> list[int]:
    return [each.introduction.index for each in container.salvage(io.BytesIO(data).read, container.GZIP)]


def test_behind_a_damaged_introduction_every_other_block_is_found_and_its_own_too() -> None:
    blocks = [each for each in read(ARCHIVE) if isinstance(each, container.Block)]
    expected = list(range(len(blocks)))
    assert salvaged(ARCHIVE) == expected
    second = len(container.GZIP.before) + container.INTRODUCTION_SIZE + len(blocks[0].stored)
    for at in (second, second + 12, second + 40):
        changed = bytearray(ARCHIVE)
        changed[at] ^= 0x10
        found = list(container.salvage(io.BytesIO(changed).read, container.GZIP))
        assert [each.introduction.index for each in found] == expected
        assert found[1].stored == blocks[1].stored
        assert found[1].introduction.offset == blocks[1].introduction.offset
        assert found[1].introduction.size == blocks[1].introduction.size


def test_what_is_cut_off_is_salvaged_up_to_there() -> None:
    cut = container.salvage(io.BytesIO(ARCHIVE[:-200]).read, container.GZIP)
    assert len(list(cut)) >= 2
    assert salvaged(b"") == [] and salvaged(b"\0" * 100_000) == []


def test_a_foreign_file_is_not_taken_for_ours_and_ours_is_recognised() -> None:
    assert container.recognise(ARCHIVE) is container.GZIP
    for foreign in (b"", gzip.compress(b"tar"), b"\x28\xb5\x2f\xfd" + bytes(100), b"PK\x03\x04" + bytes(100)):
        assert container.recognise(foreign) is None
        assert foreign == b"" or container.guess(foreign) is None
    damaged = bytes([ARCHIVE[0] ^ 1]) + ARCHIVE[1:]
    assert container.recognise(damaged) is None and container.guess(damaged) is container.GZIP
    assert container.guess(ARCHIVE[:5]) is container.GZIP
