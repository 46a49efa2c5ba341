"""Archives that are sealed well and mean harm: refused while they are read, each for its own reason."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.archive import compression, interface, manifest, tar, verify
from teleport_bootstrap.cli import backup_verify, main
from tests.unit.archive import crafted
from tests.unit.archive.crafted import directory, file, hardlink, symlink

GOOD = [
    file("etc/teleport.yaml", b"teleport: {}\n"),
    directory("var/lib/teleport"),
    file("var/lib/teleport/a"),
    symlink("var/lib/teleport/b", "a"),
    hardlink("var/lib/teleport/c", "var/lib/teleport/a"),
    directory("var/lib/teleport/d"),
    symlink("var/lib/teleport/d/e", "/etc/shadow"),
]


def test_the_crafted_archive_is_valid() -> None:
    with verify.verify(crafted.crafted(GOOD)) as verified:
        assert dict(verified.header) == crafted.HEADER
        assert [entry.path for entry in verified.entries()] == [os.fsdecode(head.name) for head, _ in GOOD]
        assert verified.totals == interface.Totals(entries=7, files=2, content=20, data=20)
        assert (verified.links_outside, verified.first_links_outside) == (1, ("var/lib/teleport/d/e",))


def refused(source: crafted.InMemory, limits: interface.Limits = verify.UNLIMITED) -> str:
    with pytest.raises(errors.ArchiveUnsafe) as caught:
        verify.verify(source, limits=limits)
    assert caught.value.exit_status == errors.ARCHIVE
    return caught.value.message


HOSTILE = {
    "absolute": ([file("/etc/passwd")], "absolute"),
    "dot dot": ([file("../etc/passwd")], ".."),
    "dot dot inside": ([file("var/../../etc/passwd")], ".."),
    "dot dot at the end": ([directory("var/..")], ".."),
    "dot": ([file("./a")], "empty or . component"),
    "empty part": ([file("a//b")], "empty or . component"),
    "slash at the end": ([directory("a/")], "empty or . component"),
    "no name": ([file("")], "empty or . component"),
    "name with NUL": ([file("n" * 120 + "\0x")], "empty or . component"),
    "deep": ([file("d/" * 400 + "f")], "deep"),
    "ours": ([file("teleport-backup/other")], "archive's own"),
    "header twice": ([file("teleport-backup/header.json")], "archive's own"),
    "below a link": ([symlink("a", "/etc"), file("a/passwd")], "below a symlink"),
    "below a file": ([file("a"), file("a/b")], "below a file"),
    "below a hard link": ([file("a"), hardlink("b", "a"), file("b/c")], "below a hardlink"),
    "far below a link": (
        [directory("a"), symlink("a/b", ".."), directory("a/b/c"), file("a/b/c/d")],
        "below a symlink",
    ),
    "out of order": ([file("b"), file("a")], "out of order"),
    "link first, then its folder": ([symlink("a", "/etc"), file("b"), directory("a")], "out of order"),
    "folder twice": ([directory("a"), directory("a")], "twice"),
    "file, then link": ([file("a"), symlink("a", "/etc")], "twice"),
    "link, then file": ([symlink("a", "/etc/passwd"), file("a")], "twice"),
    "file twice": ([file("a"), file("a", b"other")], "twice"),
    "hard link out": ([hardlink("a", "/etc/shadow")], "absolute"),
    "hard link up": ([file("a"), hardlink("b", "../etc/shadow")], ".."),
    "hard link to nothing": ([file("a"), hardlink("c", "b")], "target of a hard link"),
    "hard link to a symlink": ([symlink("a", "/etc/shadow"), hardlink("b", "a")], "target of a hard link"),
    "hard link to a folder": ([directory("a"), hardlink("b", "a")], "target of a hard link"),
    "hard link to what comes later": ([hardlink("a", "b"), file("b")], "before it"),
    "hard link to itself": ([hardlink("a", "a")], "before it"),
    "link to nothing": ([symlink("a", "")], "nothing"),
    "link with NUL": ([symlink("a", "n" * 120 + "\0x")], "nothing"),
    "short link with NUL": ([symlink("a", "n\0x")], "does not write"),
    "file with a target": ([file("a", link="/etc/passwd")], "without being one"),
    "evm": ([file("a", xattrs={"security.evm": b"x"})], "attribute"),
    "unknown attribute": ([file("a", xattrs={"system.nfs4_acl": b"x"})], "attribute"),
    "folder with data": ([(crafted.head("a", tarfile.DIRTYPE, stored=7), b"content")], "not a regular file"),
    "link with data": (
        [(crafted.head("a", tarfile.SYMTYPE, link="b", stored=7), b"content")],
        "not a regular file",
    ),
    "device": ([(crafted.head("a", b"3"), b"")], "character device"),
    "disk": ([(crafted.head("a", b"4"), b"")], "block device"),
    "pipe": ([(crafted.head("a", b"6"), b"")], "named pipe"),
    "contiguous": ([(crafted.head("a", b"7"), b"")], "unknown type"),
    "for everybody": ([(crafted.head("a", b"g"), b"")], "global"),
    "huge": ([(crafted.head("a", stored=2**60), b"")], "bytes to write"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refuses_members_that_must_not_be_unpacked(name: str) -> None:
    members, why = HOSTILE[name]
    assert why in refused(crafted.crafted(members))


def test_refuses_headers_of_other_tars_in_spite_of_a_correct_digest() -> None:
    raw = gzip.decompress(crafted.crafted([]).data)
    at = raw.index(interface.MANIFEST.encode())
    other = io.BytesIO()
    with tarfile.open(fileobj=other, mode="w", format=tarfile.GNU_FORMAT) as foreign:
        foreign.addfile(tarfile.TarInfo("a"))
    inside = other.getvalue()[:512]
    assert "that this agent does not write" in refused(crafted.InMemory(crafted.sealed(raw[:at] + inside + raw[at:])))


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (interface.Limits(entries=6), "7 entries"),
        (interface.Limits(data=3000), "bytes to write"),
        (interface.Limits(content=19), "20 bytes in files"),
        (interface.Limits().with_room(100), "bytes to write"),
    ],
)
def test_refuses_more_than_the_limits(limits: interface.Limits, what: str) -> None:
    message = refused(crafted.crafted(GOOD), limits)
    assert what in message


def test_refuses_a_huge_sparse_file_before_reading_it() -> None:
    member = crafted.head("bomb", stored=2**60, segments=()), b""
    message = refused(crafted.crafted([member], lines=[]))
    assert "bomb" in message and "there is room for" in message


@pytest.mark.parametrize("tail", [b"", b"more than it should"])
def test_refuses_a_gzip_member_larger_than_a_block_in_bounded_memory(tail: bytes) -> None:
    bomb = bytes(64 * 1024 * 1024) if not tail else bytes(1024)
    member = compression.gzip_member(bomb)
    if tail:
        head, body = member[:20], member[20:-8] + tail + member[-8:]
        member = head[:-4] + (len(body) - 8).to_bytes(4, "little") + body
    with pytest.raises(errors.ArchiveDamaged, match="gzip member does not have the size"):
        verify.verify(crafted.InMemory(crafted.marked(member)))


def test_refuses_a_huge_gzip_member_before_reading_it() -> None:
    member = bytearray(compression.gzip_member(b"content"))
    member[16:20] = (2**32 - 1).to_bytes(4, "little")
    with pytest.raises(errors.ArchiveDamaged, match="header of a gzip member"):
        verify.verify(crafted.InMemory(crafted.marked(bytes(member))))


def test_refuses_data_after_the_tar_in_spite_of_a_correct_digest() -> None:
    bomb = [compression.gzip_member(bytes(1024 * 1024))] * 100
    whole = compression.gzip_member(crafted.tar(GOOD))
    with pytest.raises(errors.ArchiveDamaged, match="data follows the end"):
        verify.verify(crafted.InMemory(crafted.marked(b"".join([whole, *bomb]))))


def sealed_with(header: object, text: bytes) -> crafted.InMemory:
    """Return an archive of one file, with this header and this manifest."""
    head, content = file("a")
    parts = [crafted.own(interface.HEADER, json.dumps(header).encode()), head.pack(), tar.padded(content)]
    return crafted.InMemory(crafted.sealed(b"".join([*parts, crafted.own(interface.MANIFEST, text), tar.END])))


ENTRY = crafted.entry(*file("a"))
FIRST = manifest.first_line(crafted.HEADER)
LAST = manifest.last_line(interface.Totals(1, 1, 7, 7))


def test_the_archive_that_the_next_tests_change_is_valid() -> None:
    verify.verify(sealed_with(crafted.HEADER, FIRST + manifest.line(ENTRY) + LAST)).close()


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (crafted.HEADER, b""),
        (crafted.HEADER, FIRST),
        (crafted.HEADER, FIRST + LAST),
        (crafted.HEADER, manifest.line(ENTRY) + LAST),
        (crafted.HEADER, FIRST + manifest.line(ENTRY)),
        (crafted.HEADER, FIRST + manifest.line(ENTRY) + LAST + LAST),
        (crafted.HEADER, FIRST + manifest.line(ENTRY) * 2 + LAST),
        (crafted.HEADER, FIRST + manifest.line(ENTRY) + LAST.rstrip()),
        (crafted.HEADER, FIRST + manifest.line(ENTRY) + b"x" * 10_000_000),
        (crafted.HEADER, FIRST + manifest.line(ENTRY._replace(path="b")) + LAST),
        ({**crafted.HEADER, "cluster": "other"}, FIRST + manifest.line(ENTRY) + LAST),
        ({"cluster": "example"}, FIRST + manifest.line(ENTRY) + LAST),
        ({"format": "1"}, FIRST + manifest.line(ENTRY) + LAST),
        ({"format": 0}, FIRST + manifest.line(ENTRY) + LAST),
        ([], FIRST + manifest.line(ENTRY) + LAST),
    ],
)
def test_refuses_a_manifest_that_does_not_match_the_archive(header: object, text: bytes) -> None:
    refused(sealed_with(header, text))


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "0" * 64},
        {"mode": 0o4755},
        {"uid": 7},
        {"owner": "teleport"},
        {"size": 8},
        {"mtime": 0},
        {"xattrs": "a" * 64},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_names_a_file_that_differs_from_the_manifest(changes: dict[str, object]) -> None:
    line = manifest.line(ENTRY._replace(**changes))  # type: ignore[arg-type]
    with pytest.raises(errors.ArchiveDamaged) as damaged:
        verify.verify(sealed_with(crafted.HEADER, FIRST + line + LAST))
    assert [line.partition(": ")[0] for line in damaged.value.message.splitlines()[1:]] == ["a"]


def test_a_later_format_and_foreign_files_are_unknown() -> None:
    for source, what in (
        (sealed_with({"format": 2}, FIRST), "format 2"),
        (crafted.InMemory(b"PK\x03\x04" + bytes(1000)), "is not a backup"),
        (crafted.InMemory(gzip.compress(crafted.tar(GOOD))), "is not a backup"),
    ):
        with pytest.raises(errors.ArchiveUnknown, match=what):
            verify.verify(source)


def test_names_in_messages_have_no_control_characters() -> None:
    message = refused(crafted.crafted([file("b"), file("a\x1b[2J\n\udcff../x" + "y" * 1000)]))
    assert "\x1b" not in message and message.count("\n") == 0 and len(message) < 600
    assert "\\x1b[2J\\n\\xff" in message


def test_notes_and_header_of_an_archive_are_shown_without_control_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the fuzzer (issue 14, row 5): an archive can hold any text as a remark and in its header."""
    hostile = "\x1b]0;title\x07\nforged: line\udcff" + "y" * 1000
    monkeypatch.setattr(crafted, "HEADER", {**crafted.HEADER, "cluster": hostile, "role": ["\x1b[2J"]})
    head, content = file("etc/teleport.yaml")
    source = crafted.crafted([(head, content)], lines=[crafted.entry(head, content)._replace(note=hostile)])
    with verify.verify(source) as verified:
        assert len(verified.notes[0].describe()) < 700
    (tmp_path / "hostile.tar.gz").write_bytes(source.data)
    arguments = main.parser().parse_args(
        ["backup", "verify", str(tmp_path / "hostile.tar.gz"), "--root", str(tmp_path)]
    )
    lines = backup_verify.run(arguments).output("text").rstrip("\n").split("\n")
    assert all(line.isprintable() for line in lines)
    assert len([line for line in lines if "forged" in line]) == 2
    assert not any(line.startswith("forged") for line in lines)


def test_notices_every_flip_and_truncation() -> None:
    data = crafted.crafted(GOOD).data
    unnoticed = []
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        for damaged in (bytes(changed), data[:at]):
            try:
                verify.verify(crafted.InMemory(damaged)).close()
            except errors.ArchiveDamaged:
                continue
            unnoticed.append(at)
    assert unnoticed == []
