"""The tar inside an archive: others read what we write, and we read nothing else."""

from __future__ import annotations

import io
import tarfile
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap.archive import tar_headers, tar_reader
from teleport_bootstrap.archive.tar_headers import Head
from teleport_bootstrap.archive.tar_reader import Refused
from tests.unit.archive import crafted

HEADS = [
    crafted.head("var/lib/teleport/host_uuid", stored=36, mode=0o400),
    crafted.head("a" * 100),
    crafted.head("a" * 101),
    crafted.head("d/" * 2000 + "f"),
    crafted.head("\udcff\udcfe"),
    crafted.head("\udcff" * 300),
    crafted.head("new\nline", mode=0o6755),
    crafted.head("folder", tar_headers.DIRECTORY),
    crafted.head("link", tar_headers.SYMBOLIC, link=b"\xff" * 100),
    crafted.head("link", tar_headers.SYMBOLIC, link=b"l" * 4000),
    crafted.head("x" * 200, tar_headers.LINK, link=b"y" * 200),
    crafted.head("large", stored=8**11 - 1),
    crafted.head("larger", stored=8**11),
    crafted.head("ids", uid=2**32 - 2, gid=2_097_152),
    crafted.head("names", owner=b"u" * 32, group=b"g" * 40),
    crafted.head("before", mtime=-5),
    crafted.head("after", mtime=8**11),
    crafted.head("attributes", xattrs={"user.a": b"\0\xff\n= ", "user.empty": b"", "security.capability": b"x" * 20}),
    crafted.head("n" * 150, xattrs={"user.a": b"b" * 65536}),
]


def reread(head: Head) -> Head:
    found = tar_reader.member(io.BytesIO(head.pack()).read)
    assert found is not None
    return found.head


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name[:12].decode("latin-1"))
def test_reads_its_own_headers_and_so_does_tarfile(head: Head) -> None:
    assert reread(head) == head
    packed = head.pack()
    assert len(packed) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(packed + bytes(1024)), mode="r:", errors="surrogateescape") as tar:
        found = tar.next()
    assert found is not None
    assert found.name.encode("utf-8", "surrogateescape") == head.name.rstrip(b"/")
    assert found.linkname.encode("utf-8", "surrogateescape") == head.link
    assert (found.size, found.mode, found.uid, found.gid, found.mtime) == (
        head.stored,
        head.mode,
        head.uid,
        head.gid,
        head.mtime,
    )
    assert (found.uname.encode(), found.gname.encode()) == (head.owner, head.group)


NAMES = st.binary(min_size=1, max_size=400).filter(lambda name: b"\0" not in name)


@given(
    name=NAMES,
    link=NAMES,
    numbers=st.tuples(st.integers(0, 0o7777), st.integers(0, 2**32 - 2), st.integers(0, 2**32 - 2)),
    mtime=st.integers(-(2**40), 2**40),
    stored=st.integers(0, 2**62),
    xattrs=st.dictionaries(st.text("abc._", min_size=1, max_size=90).map("user.".__add__), st.binary(max_size=1200)),
)
def test_any_head_is_read_as_it_was_written(
    name: bytes, link: bytes, numbers: tuple[int, int, int], mtime: int, stored: int, xattrs: dict[str, bytes]
) -> None:
    mode, uid, gid = numbers
    file = Head(name, tar_headers.REGULAR, mode, uid, gid, b"root", b"", mtime, stored=stored, xattrs=xattrs)
    symlink = Head(name, tar_headers.SYMBOLIC, mode, uid, gid, b"root", b"", mtime, link=link, xattrs=xattrs)
    assert reread(file) == file
    assert reread(symlink) == symlink


@given(st.data())
def test_a_head_with_any_other_byte_is_refused_or_another_head(data: st.DataObject) -> None:
    head = data.draw(st.sampled_from([each for each in HEADS if len(each.pack()) < 20_000]))
    packed = bytearray(head.pack())
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found: Optional[tar_reader.Member] = tar_reader.member(_Endless(bytes(packed)).read)
    except Refused:
        return
    assert found is None or found.head != head


class _Endless(io.BytesIO):
    """A tar that goes on with nothing, so that a damaged size does not run over its end."""

    def read(self, size: Optional[int] = -1, /) -> bytes:
        return super().read(size).ljust(size or 0, b"\0")


def by_tarfile(name: str, format: int, **facts: object) -> bytes:
    """Return a member's headers as Python's tarfile writes them."""
    info = tarfile.TarInfo(name)
    for key, value in facts.items():
        setattr(info, key, value)
    return info.tobuf(format)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (by_tarfile("dev", tarfile.USTAR_FORMAT, type=tarfile.CHRTYPE, devmajor=1), "a character device"),
        (by_tarfile("dev", tarfile.USTAR_FORMAT, type=tarfile.BLKTYPE), "a block device"),
        (by_tarfile("pipe", tarfile.USTAR_FORMAT, type=tarfile.FIFOTYPE), "a named pipe"),
        (by_tarfile("old", tarfile.USTAR_FORMAT, type=b"\0"), "unknown type"),
        (by_tarfile("old", tarfile.USTAR_FORMAT, type=b"S"), "unknown type"),
        (by_tarfile("gnu", tarfile.GNU_FORMAT, mode=0o600), "that this agent does not write"),
        (by_tarfile("p" * 120, tarfile.PAX_FORMAT), "does not write"),
        (by_tarfile("time", tarfile.PAX_FORMAT, mtime=1.5), "not"),
        (by_tarfile("size", tarfile.GNU_FORMAT, size=2**40), "is not a number"),
        (by_tarfile("size", tarfile.PAX_FORMAT, pax_headers={"size": "1", "foo": "bar"}), "does not write"),
        (by_tarfile("twice", tarfile.PAX_FORMAT, pax_headers={"uid": "7"}), "that this agent does not write"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_refuses_headers_that_other_tars_accept(raw: bytes, why: str) -> None:
    with pytest.raises(Refused) as refused:
        tar_reader.member(_Endless(raw).read)
    assert why in refused.value.text


@pytest.mark.parametrize("type", [tar_headers.LONG_NAME, tar_headers.LONG_LINK, tar_headers.PAX])
@pytest.mark.parametrize("size", [0, 2 * 1024 * 1024, 8**11 - 1])
def test_refuses_huge_names_and_records_before_reading_them(type: bytes, size: int) -> None:
    stream = _Endless(tar_headers.special(b"././@LongLink", type, b"", size=size))
    with pytest.raises(Refused):
        tar_reader.member(stream.read)
    assert stream.tell() <= 1024


def test_refuses_a_second_long_name() -> None:
    twice = tar_headers.special(b"././@LongLink", tar_headers.LONG_NAME, b"abc\0") * 2
    with pytest.raises(Refused):
        tar_reader.member(_Endless(twice + crafted.head("x").pack()).read)


SPARSE = [
    ([], 4096),
    ([(0, 10)], 4096),
    ([(4086, 10)], 4096),
    ([(512, 512), (2048, 1)], 10**15),
    ([(number * 8192, 4096) for number in range(2000)], 2000 * 8192),
]


@pytest.mark.parametrize(("segments", "real"), SPARSE)
def test_the_map_of_a_sparse_file_is_read_as_it_was_written(segments: list[tuple[int, int]], real: int) -> None:
    text = tar_headers.sparse_map(segments, real)
    data = sum(length for _, length in segments)
    head = crafted.head("sparse", stored=len(text) + data, real=real)
    found = tar_reader.member(io.BytesIO(head.pack() + text).read)
    assert found is not None
    assert (found.segments, found.size, found.data) == (tuple(segments), real, data)


@pytest.mark.parametrize(
    "text",
    [
        b"1\n0\n10\n",  # not up to the end of the file
        b"2\n10\n10\n0\n5\n",  # backwards
        b"2\n0\n10\n5\n10\n",  # overlapping
        b"1\n4090\n10\n",  # over the end
        b"1\n0\n0\n",  # nothing
        b"99999999\n",
        b"x\n",
        b"1" * 600,
        b"",
    ],
)
def test_refuses_an_inconsistent_sparse_map(text: bytes) -> None:
    padded = tar_headers.padded(text) or bytes(512)
    head = crafted.head("sparse", stored=len(padded) + 10, real=4096)
    with pytest.raises(Refused):
        tar_reader.member(_Endless(head.pack() + padded).read)


def test_refuses_an_endless_sparse_map() -> None:
    digits = b"65537\n" + b"1\n" * 10_000_000
    head = crafted.head("sparse", stored=8**11 - 1, real=10**15)
    stream = _Endless(head.pack() + digits)
    with pytest.raises(Refused):
        tar_reader.member(stream.read)
    assert stream.tell() < 4 * 1024 * 1024


@pytest.mark.parametrize("ids", [{"uid": 2**32 - 1}, {"gid": 2**32 - 1}, {"uid": 2**40}])
def test_refuses_owners_that_chown_would_ignore(ids: dict[str, int]) -> None:
    with pytest.raises(Refused, match="impossible owner"):
        tar_reader.member(io.BytesIO(crafted.head("x", **ids).pack()).read)


def test_the_end_is_two_empty_records() -> None:
    assert tar_reader.member(io.BytesIO(tar_headers.END).read) is None
    with pytest.raises(Refused):
        tar_reader.member(io.BytesIO(bytes(512) + crafted.head("x").pack()).read)
