"""The one function that opens files for reading: what it reads, what it refuses, and what it says about it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleport_bootstrap.host import directory, regular_file
from teleport_bootstrap.paths import Root

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

REFUSED = {
    "named pipe": (errno.ENXIO, "not a regular file but a named pipe"),
    "socket": (errno.ENXIO, "not a regular file but a socket"),
    "device": (errno.ENXIO, "not a regular file but a device"),
    "directory": (errno.EISDIR, "not a regular file but a directory"),
    "link": (errno.ELOOP, "not a regular file but a symbolic link"),
    "dangling link": (errno.ELOOP, "not a regular file but a symbolic link"),
    "huge": (errno.EFBIG, "larger than 4 MiB"),
    "sparse": (errno.EFBIG, "larger than 4 MiB"),
    "lease": (errno.EWOULDBLOCK, "another process holds a lease on it"),
}
KINDS = [
    pytest.param(each, marks=pytest.mark.skipif(each == "device" and os.geteuid() != 0, reason="needs root"))
    for each in REFUSED
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "outside").write_text("outside")
    monkeypatch.chdir(tmp_path / "folder")  # the path of a socket has at most 108 bytes
    return tmp_path / "folder"


@pytest.fixture
def leased() -> Iterator[list[int]]:
    """Descriptors that hold a lease until the end."""
    kept: list[int] = []
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # the kernel says that someone waits
    yield kept
    for each in kept:
        os.close(each)
    signal.signal(signal.SIGIO, before)


def place(folder: Path, kind: str, leased: list[int]) -> None:
    """Put something called `a` into `folder`."""
    path = folder / "a"
    if kind == "named pipe":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, 0o600 | 0o140000)
    elif kind == "device":
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
    elif kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(folder.parent / "outside")
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    else:
        path.write_bytes(b"x" * (regular_file.LIMIT + 1 if kind == "huge" else 1))
        if kind == "sparse":
            os.truncate(path, 200 * 1024**3)
        elif kind == "lease":
            leased.append(os.open(path, os.O_RDWR))
            fcntl.fcntl(leased[-1], fcntl.F_SETLEASE, fcntl.F_WRLCK)


@pytest.mark.parametrize("kind", KINDS)
def test_row_1_what_is_not_a_usable_file_is_refused_at_once(folder: Path, kind: str, leased: list[int]) -> None:
    """Issue 14, row 1: never waited for, never read whole, and named."""
    place(folder, kind, leased)
    number, words = REFUSED[kind]
    with pytest.raises(regular_file.Unusable, match=re.escape(words)) as caught:
        regular_file.read(str(folder / "a"), lease_seconds=0)
    assert caught.value.errno == number and caught.value.remedy.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_a_directory_tells_a_missing_file_from_an_obstacle(folder: Path, kind: str, leased: list[int]) -> None:
    opened = directory.Directory(str(folder))
    try:
        assert opened.read("a") is None and opened.obstacle("a") == ""
        place(folder, kind, leased)
        if kind == "lease":
            assert opened.obstacle("a") == ""
        else:
            assert opened.read("a") is None and REFUSED[kind][1] in opened.obstacle("a")
    finally:
        opened.close()


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_file_up_to_the_limit_is_read(folder: Path, size: int) -> None:
    (folder / "a").write_bytes(b"x" * size)
    assert regular_file.read(b"a", limit=100) == b"x" * size


def test_a_file_that_grows_while_it_is_read_ends_at_the_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a").write_bytes(b"x")
    descriptor = regular_file.opened("a")
    read = 0

    def endless(_: int, size: int) -> bytes:
        nonlocal read
        read += size
        return b"x" * size

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", endless)
        with pytest.raises(regular_file.Unusable, match="larger than 4 MiB"):
            regular_file.content(descriptor)
    os.close(descriptor)
    assert read == regular_file.LIMIT + 1


def test_a_file_of_the_kernel_without_a_size_is_read() -> None:
    assert regular_file.read("/proc/self/cmdline")


def test_a_link_is_followed_only_on_request(folder: Path, leased: list[int]) -> None:
    place(folder, "link", leased)
    assert regular_file.read("a", follow_links=True) == b"outside"
    (folder / "a").unlink()
    os.mkfifo(folder / "pipe")
    (folder / "a").symlink_to("pipe")
    with pytest.raises(regular_file.Unusable, match="named pipe"):
        regular_file.read("a", follow_links=True)


def test_no_descriptor_is_left_open(folder: Path, leased: list[int]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for kind in ("named pipe", "directory", "link", "huge"):
        place(folder, kind, leased)
        with pytest.raises(regular_file.Unusable):
            regular_file.read("a")
        (folder / "a").rmdir() if kind == "directory" else (folder / "a").unlink()
    (folder / "a").write_text("x")
    regular_file.read("a")
    assert len(os.listdir("/proc/self/fd")) == before


@needs_root
@pytest.mark.parametrize("mode", [0o700, 0o1777, 0o777])
def test_no_link_is_followed_in_what_belongs_to_another_account(folder: Path, mode: int) -> None:
    """An account that can write to a directory could make root read a file anywhere, by a link."""
    (folder / "theirs").mkdir()
    (folder.parent / "ours").mkdir()
    (folder.parent / "ours" / "file").write_text("secret")
    (folder / "theirs" / "below").symlink_to(folder.parent)
    path = "/theirs/below/ours/file"
    assert directory.read(Root(str(folder)), path) is not None, "as long as only root can write there"
    (folder / "theirs").chmod(mode)
    if mode == 0o700:
        os.chown(folder / "theirs", 12345, 12345)
    with pytest.raises(NotADirectoryError):
        directory.Directory(str(folder) + "/theirs/below/ours")
    assert directory.read(Root(str(folder)), path) is None
