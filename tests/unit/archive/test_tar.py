"""The tar inside an archive: others read what we write, and we read nothing else."""

from __future__ import annotations

import io
import os
import tarfile
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap.archive import tar
from teleport_bootstrap.archive.tar import Member, Refused
from tests.unit.archive import crafted
from tests.unit.archive.crafted import Head

HEADS = [
    crafted.head("var/lib/teleport/host_uuid", stored=36, mode=0o400),
    crafted.head("a" * 100),
    crafted.head("a" * 101),
    crafted.head("d/" * 2000 + "f"),
    crafted.head("\udcff\udcfe"),
    crafted.head("\udcff" * 300),
    crafted.head("new\nline", mode=0o6755),
    crafted.head("folder", tarfile.DIRTYPE),
    crafted.head("link", tarfile.SYMTYPE, link="\udcff" * 100),
    crafted.head("link", tarfile.SYMTYPE, link="l" * 4000),
    crafted.head("x" * 200, tarfile.LNKTYPE, link="y" * 200),
    crafted.head("large", stored=8**11 - 1),
    crafted.head("larger", stored=8**11),
    crafted.head("ids", uid=2**32 - 2, gid=2_097_152),
    crafted.head("names", owner="u" * 32, group="g" * 40),
    crafted.head("before", mtime=-5),
    crafted.head("after", mtime=8**11),
    crafted.head("attributes", xattrs={"user.a": b"\0\xff\n= ", "user.empty": b"", "security.capability": b"x" * 20}),
    crafted.head("n" * 150, xattrs={"user.a": b"b" * 65536}),
]


def reread(head: Head) -> Member:
    found = tar.read(io.BytesIO(head.pack()).read)
    assert found is not None
    return found


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name[:12].decode("latin-1"))
def test_reads_its_own_headers_and_so_does_tarfile(head: Head) -> None:
    assert reread(head) == head.member
    packed = head.pack()
    assert len(packed) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(packed + bytes(1024)), mode="r:", errors="surrogateescape") as archive:
        found = archive.next()
    assert found is not None
    entry = head.member.entry
    assert found.name == entry.path.rstrip("/")
    assert found.linkname == entry.link
    assert (found.size, found.mode, found.uid, found.gid, found.mtime * 10**9, found.uname, found.gname) == (
        entry.size,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.mtime,
        entry.owner,
        entry.group,
    )


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
    facts = {"mode": mode, "uid": uid, "gid": gid, "group": "", "mtime": mtime, "xattrs": xattrs}
    file = crafted.head(os.fsdecode(name), stored=stored, **facts)
    symlink = crafted.head(os.fsdecode(name), tarfile.SYMTYPE, link=os.fsdecode(link), **facts)
    assert reread(file) == file.member
    assert reread(symlink) == symlink.member
    # The quick way writes what the other one does.
    assert file.member.headers() == file.member.any_headers()


@given(st.data())
def test_a_head_with_any_other_byte_is_refused_or_another_head(data: st.DataObject) -> None:
    head = data.draw(st.sampled_from([each for each in HEADS if len(each.pack()) < 20_000]))
    packed = bytearray(head.pack())
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found: Optional[Member] = tar.read(_Endless(bytes(packed)).read)
    except Refused:
        return
    assert found is None or found != head.member


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
        tar.read(_Endless(raw).read)
    assert why in refused.value.text


@pytest.mark.parametrize("type", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE])
@pytest.mark.parametrize("size", [0, 2 * 1024 * 1024, 8**11 - 1])
def test_refuses_huge_names_and_records_before_reading_them(type: bytes, size: int) -> None:
    stream = _Endless(crafted.head("././@LongLink", type, stored=size).pack())
    with pytest.raises(Refused):
        tar.read(stream.read)
    assert stream.tell() <= 1024


def test_refuses_a_second_long_name_or_pax_header() -> None:
    for twice in (
        tar.extra_header(tarfile.GNUTYPE_LONGNAME, b"abc\0") * 2,
        tar.pax_header({"uid": b"4000000"}) * 2,
    ):
        with pytest.raises(Refused):
            tar.read(_Endless(twice + crafted.head("x").pack()).read)


@pytest.mark.parametrize(
    "records",
    [
        {"path": b"x"},
        {"linkpath": b"/etc/shadow"},
        {"hdrcharset": b"BINARY"},
        {"uid": b"7"},
        {"size": b"-1"},
        {"mtime": b"1.5"},
        {"comment": b"x"},
        {"GNU.sparse.major": b"1"},
        {"GNU.sparse.size": b"1"},
        {"GNU.sparse.name": b"y"},
    ],
    ids="-".join,
)
def test_refuses_pax_records_that_change_what_a_header_says(records: dict[str, bytes]) -> None:
    with pytest.raises(Refused):
        tar.read(_Endless(tar.pax_header(records) + crafted.head("x").pack()).read)


SPARSE = [
    ([], 4096),
    ([(0, 10)], 4096),
    ([(4086, 10)], 4096),
    ([(512, 512), (2048, 1)], 10**15),
    ([(number * 8192, 4096) for number in range(2000)], 2000 * 8192),
]


@pytest.mark.parametrize(("segments", "real"), SPARSE)
def test_the_map_of_a_sparse_file_is_read_as_it_was_written(segments: list[tuple[int, int]], real: int) -> None:
    head = crafted.head("sparse", stored=real, segments=tuple(segments))
    found = reread(head)
    assert found == head.member
    assert (found.segments, found.entry.size) == (tuple(segments), real)
    assert found.data == sum(length for _, length in segments)


def sparse(stored: int, real: int, text: bytes, blocks: int = 1) -> _Endless:
    """Return a sparse file with this map."""
    values = {"GNU.sparse.numblocks": b"%d" % blocks, "GNU.sparse.size": b"%d" % real, "GNU.sparse.map": text}
    return _Endless(tar.pax_header(values) + crafted.head("sparse", stored=stored).pack())


def test_the_sparse_file_that_the_next_tests_change_is_valid() -> None:
    found = tar.read(sparse(10, 4096, b"10,10,4096,0", 2).read)
    assert found is not None and (found.segments, found.entry.size) == (((10, 10),), 4096)


@pytest.mark.parametrize(
    ("text", "blocks", "why"),
    [
        (b"0,10", 1, "does not write"),  # not up to the end of the file
        (b"10,10,4096,0", 1, "does not write"),
        (b"10,5,0,5", 2, "not in order"),
        (b"0,10,5,10", 2, "not in order"),  # overlapping
        (b"4090,10", 1, "does not match its size"),  # over the end
        (b"0,9,4096,0", 2, "does not match its size"),
        (b"1,0", 1, "not in order"),
        (b"0,10,4096", 2, "does not write"),
        (b"-1,10,4096,0", 2, "not in order"),
        (b"0,10,4096,0,", 2, "not a number"),
        (b"x", 1, "not a number"),
        (b"1" * 600, 1, "not a number"),
        (b"", 1, "not a number"),
        (b"1,1," * 20_000, 20_000, "too long"),
    ],
)
def test_refuses_an_inconsistent_sparse_map(text: bytes, blocks: int, why: str) -> None:
    with pytest.raises(Refused) as refused:
        tar.read(sparse(10, 4096, text, blocks).read)
    assert why in refused.value.text


@pytest.mark.parametrize("ids", [{"uid": 2**32 - 1}, {"gid": 2**32 - 1}, {"uid": 2**40}])
def test_refuses_owners_that_chown_would_ignore(ids: dict[str, int]) -> None:
    with pytest.raises(Refused, match="impossible owner"):
        tar.read(io.BytesIO(crafted.head("x", **ids).pack()).read)


def test_the_end_is_two_empty_records() -> None:
    assert tar.read(io.BytesIO(tar.END).read) is None
    with pytest.raises(Refused):
        tar.read(io.BytesIO(bytes(512) + crafted.head("x").pack()).read)
