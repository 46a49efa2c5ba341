"""Archives of real trees: packed, verified, unpacked by us and by other tars, with zstd and with gzip."""

from __future__ import annotations

import errno
import gc
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.archive import compression, interface, verify
from teleport_bootstrap.archive.interface import TAKE, Choice, Gone, Instead, Leave, Tree
from teleport_bootstrap.archive.pack import pack
from teleport_bootstrap.archive.unpack import unpack
from teleport_bootstrap.host import clock
from teleport_bootstrap.paths import Root
from tests.simulated import trees
from tests.unit.archive import crafted
from tests.unit.archive.crafted import InMemory

WHERE = Root("/")
COMPRESSIONS = ("zstd", "gzip")
IS_ROOT = os.geteuid() == 0


@pytest.fixture(params=COMPRESSIONS)
def compressed(request: pytest.FixtureRequest) -> str:
    if request.param == "zstd" and not compression.zstd_program():
        pytest.skip("zstd is not installed")
    return str(request.param)


class Collected:
    """A Sink in memory."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.parts.append(data)


def packed(trees: Iterable[Tree], compressed: str = "gzip", **others: Any) -> tuple[InMemory, interface.Packed]:
    sink = Collected()
    done = pack(sink, {"cluster": "example"}, trees, root=others.pop("root", WHERE), compression=compressed, **others)
    source = InMemory(b"".join(sink.parts), "packed")
    assert done.size == source.size
    return source, done


def unpacked(source: InMemory, into: dict[str, str], root: Root = WHERE) -> interface.Unpacked:
    return unpack(source, into, root=root)


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    top = tmp_path_factory.mktemp("hard") / "data"
    top.mkdir()
    trees.make_hard(top)
    yield top


def test_restores_a_tree_of_hard_cases_byte_for_byte(hard: Path, tmp_path: Path, compressed: str) -> None:
    source, done = packed([Tree(str(hard))], compressed)
    assert done.notes == () and done.compression == compressed
    with verify.verify(source) as verified:
        assert json.loads(json.dumps(dict(verified.header))) == {"cluster": "example", "format": 1}
        assert (verified.digest, verified.size, verified.totals) == (done.digest, done.size, done.totals)
        listed = {entry.path: entry for entry in verified.entries()}
    assert listed[str(hard / "large")[1:]].sha256 == trees.digest(hard / "large")
    assert listed[str(hard / "sparse")[1:]].sha256 == trees.digest(hard / "sparse")
    unpacked(source, {str(hard): str(tmp_path / "new")})
    assert trees.contents(tmp_path / "new") == trees.contents(hard)
    assert trees.bytes_on_disk(tmp_path / "new") < trees.bytes_on_disk(hard) + trees.MEBIBYTE


def test_issue_20_row_2_the_last_progress_is_that_of_everything(tmp_path: Path, compressed: str) -> None:
    (tmp_path / "data").mkdir()
    for number in range(5):
        (tmp_path / "data" / str(number)).write_bytes(os.urandom(300_000))
    told: list[tuple[int, int]] = []
    _, done = packed([Tree(str(tmp_path / "data"))], compressed, progress=lambda *each: told.append(each))
    assert told[-1] == (max(size for size, _ in told), done.totals.entries)
    assert told[-1][0] > done.totals.content


TARS = {
    "tar": ["tar", "-xpf", "-", "--xattrs", "--xattrs-include=*", "--numeric-owner"],
    "bsdtar": ["bsdtar", "-xpf", "-", "--xattrs", "--numeric-owner"],
}


@pytest.mark.parametrize("program", TARS)
def test_other_tars_unpack_the_same(hard: Path, tmp_path: Path, program: str, compressed: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    source, _ = packed([Tree(str(hard))], compressed)
    target = tmp_path / f"{compressed}.tar"
    target.write_bytes(source.data)
    done = subprocess.run(
        [*(part if part != "-" else str(target) for part in TARS[program])],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    complaints = [line for line in done.stderr.splitlines() if b"time stamp" not in line]
    assert complaints == []
    found = trees.contents(Path(f"{tmp_path}{hard}"), nanoseconds=False)
    assert found == trees.contents(hard, nanoseconds=False)
    manifest = (tmp_path / interface.MANIFEST).read_bytes().splitlines()
    assert json.loads(manifest[0])["header"]["cluster"] == "example"
    checked = subprocess.run([compressed, "-t", "-q"], stdin=target.open("rb"), capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


def is_noticed(data: bytes) -> bool:
    try:
        verify.verify(InMemory(data)).close()
    except errors.ArchiveDamaged:
        return True
    return False


def test_notices_flips_and_truncations_anywhere(tmp_path: Path, compressed: str) -> None:
    (tmp_path / "data").mkdir()
    for number in range(40):
        (tmp_path / "data" / str(number)).write_bytes(os.urandom(number) + b"text " * number)
    source, _ = packed([Tree(str(tmp_path / "data"))], compressed)
    chance = random.Random(7)
    assert not is_noticed(source.data)
    for at in [
        *range(0, 130),
        *chance.sample(range(len(source.data)), 70),
        *range(len(source.data) - 100, len(source.data)),
    ]:
        changed = bytearray(source.data)
        changed[at] ^= 1 << chance.randrange(8)
        assert is_noticed(bytes(changed)), at
    for size in [0, 1, *chance.sample(range(len(source.data)), 40), len(source.data) - 1]:
        assert is_noticed(source.data[:size]), size
    assert is_noticed(source.data + b"\0") and is_noticed(source.data * 2)


def damage(source: InMemory, at: int) -> errors.ArchiveDamaged:
    changed = bytearray(source.data)
    changed[at] ^= 0x40
    with pytest.raises(errors.ArchiveDamaged) as caught:
        verify.verify(InMemory(bytes(changed)))
    return caught.value


def test_names_the_file_with_a_wrong_byte(tmp_path: Path, compressed: str) -> None:
    """Content that does not compress is in the archive as it is, so that a flip is of one file only."""
    top = tmp_path / "data"
    top.mkdir()
    marks = {}
    for number in range(300):
        # The mark is random, hence literal, and looked for in the archive.
        marks[number] = os.urandom(32)
        (top / f"{number:03}").write_bytes(os.urandom(20_000) + marks[number] + os.urandom(20_000))
    source, _ = packed([Tree(str(top))], compressed)
    named = 0
    for number in range(0, 300, 50):
        at = source.data.find(marks[number])
        if at == -1:  # Huffman codes found something to save here
            continue
        named += 1
        error = damage(source, at)
        assert error.message.splitlines()[1:] == [f"{top}/{number:03}: its content is damaged"[1:]]
    assert named >= 4


def test_names_no_file_for_damage_outside_the_data(tmp_path: Path, compressed: str) -> None:
    """A wrong byte where no decompressor looks, and one in the digest itself."""
    (tmp_path / "a").write_bytes(os.urandom(1000))
    source, _ = packed([Tree(str(tmp_path / "a"))], compressed)
    error = damage(source, source.data.index(b"TBEND") + 20)
    assert "are as they were packed" in error.message and len(error.message.splitlines()) == 1
    assert "beginning of the file is damaged" in damage(source, source.data.index(b"TBBEGIN")).message


def test_names_the_file_that_is_cut_off(tmp_path: Path, compressed: str) -> None:
    top = tmp_path / "data"
    top.mkdir()
    (top / "a").write_bytes(os.urandom(6 * trees.MEBIBYTE))
    (top / "b").write_bytes(os.urandom(6 * trees.MEBIBYTE))
    source, _ = packed([Tree(str(top))], compressed)
    with pytest.raises(errors.ArchiveDamaged) as caught:
        verify.verify(InMemory(source.data[: 8 * trees.MEBIBYTE]))
    assert caught.value.message.splitlines()[1:] == [f"{top}/b: cannot be read to its end"[1:]]
    assert "could not be compared with the manifest" in caught.value.message


def test_names_the_file_where_expanding_fails(tmp_path: Path, compressed: str) -> None:
    """Text, every byte of which is Huffman-coded: a run of wrong bytes cannot be expanded."""
    top = tmp_path / "data"
    top.mkdir()
    for name in ("a", "b", "c"):
        (top / name).write_bytes(random.Random(name).randbytes(2 * trees.MEBIBYTE).hex().encode())
    source, _ = packed([Tree(str(top))], compressed)
    middle = len(source.data) // 2
    changed = source.data[:middle] + bytes(100) + source.data[middle + 100 :]
    with pytest.raises(errors.ArchiveDamaged) as caught:
        verify.verify(InMemory(changed))
    # All of a damaged block is lost, and what zstd has not yet written when it finds the damage.
    assert caught.value.message.splitlines()[1].partition(": ")[0] in {f"{top}/a"[1:], f"{top}/b"[1:]}


# ---- sources that are not at rest ----


def test_leaves_out_and_reports_files_that_other_accounts_may_have_linked(tmp_path: Path) -> None:
    top = tmp_path / "data"
    top.mkdir()
    (tmp_path / "shadow").write_text("root:hash")
    (top / "mine").write_text("mine")
    os.link(tmp_path / "shadow", top / "theirs")
    os.symlink(tmp_path / "shadow", top / "link")
    trees.add_what_is_left_out(top)
    if IS_ROOT:
        for path in (top, top / "mine"):
            os.chown(path, 7, 7)
    source, done = packed([Tree(str(top), hostile=True)])
    expected = ["pipe", "socket"] + (["theirs"] if IS_ROOT else [])
    assert [os.path.basename(note.path) for note in done.notes] == expected
    with verify.verify(source) as verified:
        kinds = {os.path.basename(entry.path): entry.kind for entry in verified.entries()}
        assert verified.notes == done.notes
        assert verified.links_outside == 1
    assert kinds == {"data": "directory", "link": "symlink", "mine": "file"} | ({} if IS_ROOT else {"theirs": "file"})


def while_packing(top: Path, name: str, act: Any) -> Tree:
    """Return a tree of which `act` happens once `name` has been looked at, just before it is opened."""

    def choose(path: str, facts: os.stat_result) -> Choice:
        if path == str(top / name):
            act()
        return TAKE

    return Tree(str(top), hostile=True, choose=choose)


def swap(path: Path, kind: str, target: Path) -> None:
    path.rename(target.parent / "moved away") if kind != "directory to link" else shutil.rmtree(path)
    if kind == "file to pipe":
        os.mkfifo(path)
    elif kind != "gone":
        os.symlink(target, path)


@pytest.mark.parametrize("kind", ["file to link", "file to pipe", "directory to link", "gone"])
def test_does_not_follow_what_is_swapped_before_it_is_opened(tmp_path: Path, kind: str) -> None:
    top = tmp_path / "data"
    top.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    name = "b"
    if kind == "directory to link":
        (top / name).mkdir()
        (top / name / "secret").write_text("old")
    else:
        (top / name).write_text("old")
    (top / "c").write_text("c")
    target = outside if kind == "directory to link" else outside / "secret"
    source, done = packed([while_packing(top, name, lambda: swap(top / name, kind, target))])
    assert [os.path.basename(note.path) for note in done.notes] == ["b"]
    with verify.verify(source) as verified:
        assert [os.path.basename(entry.path) for entry in verified.entries()] == ["data", "c"]


@pytest.mark.parametrize("size", [1000, 40 * trees.MEBIBYTE])
def test_reads_a_busy_file_again_and_reports_it(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "data"
    top.mkdir()
    (top / "calm").write_text("calm")
    time.sleep(0.1)
    (top / "busy").write_bytes(b"." * size)
    written = []

    def write(*_: object) -> None:
        with open(top / "busy", "r+b") as file:
            file.write(os.urandom(8))
        written.append(len(written))

    class Meddling(Collected):
        """A sink that writes to the file whenever a part of it has been read."""

        def write(self, data: bytes) -> None:
            super().write(data)
            write()

    # The file never comes to rest: it was always written to just now.
    just_now = clock.Clock(sleep=write, wall=lambda: (top / "busy").stat().st_ctime)
    monkeypatch.setattr(clock, "SYSTEM", just_now)
    sink = Meddling()
    write()
    done = pack(sink, {}, [Tree(str(top))], root=WHERE, compression="gzip")
    source = InMemory(b"".join(sink.parts))
    assert len(written) > 3
    assert [os.path.basename(note.path) for note in done.notes] == ["busy"]
    with verify.verify(source) as verified:
        listed = [os.path.basename(entry.path) for entry in verified.entries()]
        assert verified.notes == done.notes
    unpack(source, {str(top): str(tmp_path / "new")}, root=WHERE)
    assert listed == ["data", "busy", "calm"]
    assert (tmp_path / "new" / "busy").stat().st_size == size
    (tmp_path / "by tar").mkdir()
    subprocess.run(["tar", "-xzf", "-", "-C", tmp_path / "by tar"], input=source.data, check=True, capture_output=True)
    assert trees.digest(Path(f"{tmp_path / 'by tar'}{top}/busy")) == trees.digest(tmp_path / "new" / "busy")


def test_reads_a_small_file_again_that_changed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "data"
    top.mkdir()
    (top / "small").write_bytes(b"a" * 1000)

    def write(_: float) -> None:
        (top / "small").write_bytes(b"b" * 2000)
        monkeypatch.setattr(clock, "SYSTEM", clock.Clock(sleep=time.sleep, wall=time.time))

    just_now = clock.Clock(sleep=write, wall=lambda: (top / "small").stat().st_ctime)
    monkeypatch.setattr(clock, "SYSTEM", just_now)
    source, done = packed([Tree(str(top))])
    assert done.notes == () and done.totals.files == 1
    unpacked(source, {str(top): str(tmp_path / "new")})
    assert (tmp_path / "new" / "small").read_bytes() == b"b" * 2000


def test_reports_a_large_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    top = tmp_path / "data"
    top.mkdir()
    (top / "large").write_bytes(b"a" * 40 * trees.MEBIBYTE)

    class Meddling(Collected):
        """A sink that writes to the file when a good part of it has been read."""

        def write(self, data: bytes) -> None:
            super().write(data)
            if len(self.parts) == 3:
                (top / "large").write_bytes(b"b" * 8 * trees.MEBIBYTE)

    sink = Meddling()
    done = pack(sink, {}, [Tree(str(top))], root=WHERE, compression="gzip")
    assert [note.text for note in done.notes] == [
        "was being written to: what is archived was read while it changed"
    ] and done.totals.files == 1
    unpacked(InMemory(b"".join(sink.parts)), {str(top): str(tmp_path / "new")})
    content = (tmp_path / "new" / "large").read_bytes()
    assert len(content) == 40 * trees.MEBIBYTE and set(content) <= set(b"ab\0")


def test_archives_what_the_caller_chooses(tmp_path: Path) -> None:
    top = tmp_path / "data"
    (top / "cache" / "deep").mkdir(parents=True)
    (top / "cache" / "deep" / "x").write_text("x")
    for name in ("sqlite.db", "sqlite.db-wal", "gone.db", "z"):
        (top / name).write_text(f"live {name}")
    os.chmod(top / "sqlite.db", 0o640)
    os.setxattr(top / "sqlite.db", "user.kept", b"1")
    (tmp_path / "copy").write_bytes(b"consistent" * 200_000)
    asked = []

    def vanished() -> int:
        raise Gone("was dropped by its owner")

    def choose(path: str, facts: os.stat_result) -> Choice:
        name = os.path.relpath(path, top)
        asked.append(name)
        if name == "cache":
            return Leave()
        if name == "sqlite.db-wal":
            return Leave("is in the copy of its database")
        if name == "gone.db":
            return Instead(vanished)
        return Instead(lambda: os.open(tmp_path / "copy", os.O_RDONLY), "a copy") if name == "sqlite.db" else TAKE

    source, done = packed([Tree(str(top), choose=choose)])
    assert asked == [".", "cache", "gone.db", "sqlite.db", "sqlite.db-wal", "z"]
    assert [(os.path.basename(note.path), note.text) for note in done.notes] == [
        ("gone.db", "was dropped by its owner"),
        ("sqlite.db", "a copy"),
        ("sqlite.db-wal", "is in the copy of its database"),
    ]
    unpacked(source, {str(top): str(tmp_path / "new")})
    assert sorted(os.listdir(tmp_path / "new")) == ["sqlite.db", "z"]
    assert (tmp_path / "new" / "sqlite.db").read_bytes() == b"consistent" * 200_000
    assert (tmp_path / "new" / "sqlite.db").stat().st_mode & trees.MODE_BITS == 0o640
    assert os.getxattr(tmp_path / "new" / "sqlite.db", "user.kept") == b"1"


def test_orders_trees_skips_missing_ones_and_refuses_a_link_at_the_top(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for name in ("b", "a"):
        (tmp_path / "etc" / name).write_text(name)
    root = Root(str(tmp_path))
    source, _ = packed([Tree("/etc/b"), Tree("/etc/a"), Tree("/etc/absent"), Tree("/nowhere/at/all")], root=root)
    with verify.verify(source) as verified:
        assert [entry.path for entry in verified.entries()] == ["etc/a", "etc/b"]
    os.symlink("a", tmp_path / "etc" / "link")
    with pytest.raises(errors.FileTrouble, match="/etc/link is a symbolic link"):
        packed([Tree("/etc/link")], root=root)
    for wrong in ([Tree("/etc"), Tree("/etc/a")], [Tree("/etc/a"), Tree("/etc/a")], [Tree("etc")], [Tree("/")]):
        with pytest.raises(ValueError, match=r"overlap|not a normal"):
            packed(wrong, root=root)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOENT, errno.ELOOP])
@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_an_error_of_the_sink_ends_everything(hard: Path, number: int, after: int) -> None:
    class Failing(Collected):
        def write(self, data: bytes) -> None:
            super().write(data)
            if len(self.parts) > after:
                raise OSError(number, os.strerror(number))

    gc.collect()  # what earlier tests have left open
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for compressed in COMPRESSIONS:
        with pytest.raises(OSError, match=os.strerror(number)) as caught:
            pack(Failing(), {}, [Tree(str(hard))], root=WHERE, compression=compressed)
        assert not isinstance(caught.value, errors.BootstrapError)
    gc.collect()
    assert threading.active_count() <= threads, "a thread of an earlier test may have ended meanwhile"
    assert len(os.listdir("/proc/self/fd")) == descriptors


# ---- programs that compress ----


def program(directory: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.mkdir()
    (directory / "zstd").write_text(f"#!/bin/sh\n{text}\n")
    (directory / "zstd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo 'out of memory' >&2; exit 11", "`.*zstd` ended with status 11: out of memory"),
        ("kill -9 $$", "was ended by SIGKILL"),
        ("exec sleep 1000", "did too little for 1 s"),
        ("exec cat /dev/zero", "gave more data than it was given"),
    ],
)
def test_reports_and_ends_a_compressor_that_fails_or_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    (tmp_path / "data").write_text("x")
    program(tmp_path / "bin", text, monkeypatch)
    monkeypatch.setattr(compression, "_IDLE_SECONDS", 1.0)
    with pytest.raises(errors.CompressorTrouble, match=said):
        packed([Tree(str(tmp_path / "data"))], "zstd")


def test_uses_gzip_without_zstd_and_reports_an_archive_that_takes_zstd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").write_text("x")
    if compression.zstd_program() is None:
        pytest.skip("zstd is not installed")
    assert compression.best() == "zstd"
    source, _ = packed([Tree(str(tmp_path / "data"))], "zstd")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compression.best() == "gzip"
    with pytest.raises(errors.CompressorTrouble, match="zstd") as trouble:
        verify.verify(source)
    assert "install" in trouble.value.hint


# ---- unpacking ----


def test_unpacks_members_to_their_places_only(tmp_path: Path) -> None:
    source = crafted.crafted(
        [
            crafted.file("etc/cron.d/evil"),
            crafted.file("etc/teleport.yaml"),
            crafted.directory("var/lib/teleport"),
            crafted.file("var/lib/teleport/a"),
            crafted.directory("var/lib/teleport/b"),
            crafted.hardlink("var/lib/teleport/b/c", "var/lib/teleport/a"),
            crafted.symlink("var/lib/teleport/d", str(tmp_path / "outside")),
        ]
    )
    done = unpacked(
        source,
        {"/etc/teleport.yaml": str(tmp_path / "yaml"), "/var/lib/teleport": str(tmp_path / "data")},
    )
    assert done.totals.entries == 6
    assert sorted(os.listdir(tmp_path)) == ["data", "yaml"]
    assert (tmp_path / "data" / "b" / "c").stat().st_ino == (tmp_path / "data" / "a").stat().st_ino
    with pytest.raises(errors.FileTrouble, match="data cannot be created: File exists"):
        unpacked(source, {"/var/lib/teleport": str(tmp_path / "data")})
    unpacked(source, {"/": str(tmp_path / "all")})
    assert (tmp_path / "all" / "etc" / "cron.d" / "evil").is_file()
    assert (tmp_path / "all" / "etc").stat().st_mode & trees.MODE_BITS == 0o755
    with pytest.raises(ValueError, match="in another"):
        unpacked(source, {"/var": str(tmp_path / "x"), "/var/lib": str(tmp_path / "y")})


@pytest.mark.parametrize(
    ("members", "into"),
    [
        ([crafted.symlink("etc/teleport.yaml", "/etc/shadow")], {"/etc/teleport.yaml": "new"}),
        ([crafted.file("a/b"), crafted.hardlink("c/d", "a/b")], {"/c": "new"}),
        ([crafted.file("a/b"), crafted.hardlink("c/d", "a/b")], {"/c": "new", "/a": "other"}),
    ],
)
def test_refuses_members_that_do_not_fit_their_place(tmp_path: Path, members: list[Any], into: dict[str, str]) -> None:
    with pytest.raises(errors.ArchiveUnsafe):
        unpacked(crafted.crafted(members), {path: str(tmp_path / place) for path, place in into.items()})
    assert "new" not in os.listdir(tmp_path)


def test_issue_15_terminal_5_an_archive_is_verified_while_it_is_unpacked(tmp_path: Path, hard: Path) -> None:
    """One reading does both: what shows at the end only is an error after everything was created."""
    source, done = packed([Tree(str(hard))])
    opened = []

    class Counted(InMemory):
        def open(self) -> Any:
            opened.append(self.name)
            return super().open()

    unpacked(Counted(source.data, "counted"), {str(hard): str(tmp_path / "new")})
    assert opened == ["counted"]
    assert trees.contents(tmp_path / "new") == trees.contents(hard)
    for number, data in enumerate((source.data[:-30], source.data + b"\0", source.data[: len(source.data) // 2])):
        with pytest.raises(errors.ArchiveDamaged):
            unpacked(InMemory(data), {str(hard): str(tmp_path / str(number))})
        assert (tmp_path / str(number)).exists()
    assert done.notes == ()


@pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")
def test_sets_owners_by_name(tmp_path: Path) -> None:
    for name, uid in (("old", 7), ("new", 4321)):
        (tmp_path / name / "etc").mkdir(parents=True)
        (tmp_path / name / "etc" / "passwd").write_text(
            f"root:x:0:0::/:\nteleport:x:{uid}:{uid}::/:\nlast:x:99:99::/:\n"
        )
        (tmp_path / name / "etc" / "group").write_text(f"root:x:0:\nteleport:x:{uid}:\n")
    (tmp_path / "new" / "etc" / "passwd").write_text("root:x:0:0::/:\nteleport:x:4321:4321::/:\n")
    top = tmp_path / "old" / "data"
    top.mkdir()
    for name, uid in (("known", 7), ("unknown", 99), ("nameless", 12345)):
        (top / name).write_text(name)
        os.chown(top / name, uid, 7)
        os.chmod(top / name, 0o4755)
    os.chown(top, 7, 7)
    source, _ = packed([Tree("/data")], root=Root(str(tmp_path / "old")))
    done = unpacked(source, {"/data": str(tmp_path / "made")}, Root(str(tmp_path / "new")))
    facts = {name: os.stat(tmp_path / "made" / name) for name in (".", "known", "unknown", "nameless")}
    assert {name: (each.st_uid, each.st_gid) for name, each in facts.items()} == {
        ".": (4321, 4321),
        "known": (4321, 4321),
        "unknown": (99, 4321),
        "nameless": (12345, 4321),
    }
    modes = {name: oct(each.st_mode & trees.MODE_BITS) for name, each in facts.items() if name != "."}
    assert modes == {"known": "0o4755", "unknown": "0o755", "nameless": "0o755"}
    assert {note.path for note in done.notes} == {"data/unknown", "data/nameless"}


@pytest.mark.skipif(not IS_ROOT, reason="changing an access control list requires root")
def test_an_access_control_list_grants_no_other_account_access(tmp_path: Path) -> None:
    def access(*entries: tuple[int, int, int]) -> bytes:
        return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries)

    no_id = 0xFFFFFFFF
    named = access((1, 6, no_id), (2, 6, 7), (4, 0, no_id), (0x10, 6, no_id), (0x20, 0, no_id))
    plain = access((1, 6, no_id), (4, 4, no_id), (0x10, 4, no_id), (0x20, 0, no_id))
    members = [
        crafted.file("a", mode=0o660, xattrs={"system.posix_acl_access": named}),
        crafted.file("b", mode=0o640, xattrs={"system.posix_acl_access": plain}),
    ]
    done = unpacked(crafted.crafted(members), {"/": str(tmp_path / "new")})
    assert (tmp_path / "new" / "a").stat().st_mode & trees.MODE_BITS == 0o600
    assert os.listxattr(tmp_path / "new" / "a") == []
    assert (tmp_path / "new" / "b").stat().st_mode & trees.MODE_BITS == 0o640
    assert [note.path for note in done.notes] == ["a"]


# ---- memory ----

PEAK = r"""
import re, sys
from teleport_bootstrap.archive.interface import Tree
from teleport_bootstrap.archive.pack import pack
from teleport_bootstrap.archive.verify import verify
from teleport_bootstrap.paths import Root

class Source:
    name, size = sys.argv[2], None
    def open(self):
        return open(self.name, "rb")

with open(sys.argv[2], "wb") as file:
    pack(file, {}, [Tree(sys.argv[1])], root=Root("/"), compression="gzip")
verify(Source()).close()
# Not what getrusage says: that begins with the peak of the process that started this one.
print(re.search(r"VmHWM:\s*([0-9]+) kB", open("/proc/self/status").read())[1])
"""


def peak(top: Path, target: Path) -> int:
    """Return the peak memory in KiB of a process that packs and verifies `top`."""
    done = subprocess.run([sys.executable, "-c", PEAK, top, target], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    for top, files, size in ((few, 1000, 16), (many, 15_000, 80)):
        top.mkdir()
        for number in range(files):
            if number % 1000 == 0:
                (top / f"d{number}").mkdir()
            (top / f"d{number // 1000 * 1000}" / f"{number}-{'n' * 60}").write_bytes(b"x")
        with open(top / "large", "wb") as file:
            for _ in range(size):
                file.write(os.urandom(1024) * 1024)
    small, large = peak(few, tmp_path / "archive"), peak(many, tmp_path / "archive")
    assert large < small + 16 * 1024
    assert large < 128 * 1024


CHILD = r"""
import re, sys
from teleport_bootstrap.archive import compression
from teleport_bootstrap.host import filters

most = 0
real = filters.Filter.exchange

def exchange(self, data):
    global most
    found = re.search(r"VmHWM:\s*([0-9]+) kB", open(f"/proc/{self._child.pid}/status").read())
    # Nothing of one that has ended.
    most = max(most, int(found[1]) if found else 0)
    return real(self, data)

filters.Filter.exchange = exchange
block = __import__("os").urandom(2**20)
for _ in compression.compress("zstd", (block for _ in range(96))):
    pass
print(most)
"""


@pytest.mark.skipif(compression.zstd_program() is None, reason="without zstd, nothing of it takes memory")
def test_issue_16_row_5_zstd_takes_little_memory() -> None:
    """With its default of 8 MiB for each thread at a time, it took more than 50 MiB."""
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 36 * 1024


def test_reports_a_full_disk_under_the_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").write_text("x")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: open("/dev/full", "r+b"))  # noqa: SIM115
    with pytest.raises(errors.FileTrouble, match="No space left") as trouble:
        packed([Tree(str(tmp_path / "data"))])
    assert "Make room" in trouble.value.hint
