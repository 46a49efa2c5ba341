"""Files of a directory through its descriptor, and files that decide about root's work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.host import directory, trust
from teleport_bootstrap.paths import Root

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def place(folder: Path, kind: str) -> Path:
    """Put something called `a` into `folder`."""
    path, outside = folder / "a", folder / "outside"
    outside.write_text("outside")
    if kind == "link":
        path.symlink_to(outside)
    elif kind == "dangling link":
        path.symlink_to(folder / "nothing")
    elif kind == "hard link":
        os.link(outside, path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    return path


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "fifo", "directory", "nothing"])
def test_only_a_regular_file_of_one_name_is_read(tmp_path: Path, kind: str) -> None:
    place(tmp_path, kind)
    opened = directory.Directory(str(tmp_path))
    try:
        assert opened.read("a") is None
        assert opened.exists("a") is (kind != "nothing")
    finally:
        opened.close()


def test_the_facts_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text\x00")
    (tmp_path / "a").chmod(0o640)
    opened = directory.Directory(str(tmp_path))
    assert opened.read("a") == directory.Found(b"text\x00", 0o640, os.geteuid(), (tmp_path / "a").stat().st_gid)
    opened.close()


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    place(tmp_path, "directory")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/conf").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    opened = directory.Directory(str(tmp_path))
    for name in ("file", "a", "outside", "absent"):
        opened.read(name)
    opened.close()
    for path in ("/etc/conf", "/etc/absent", "/absent/conf"):
        try:
            trust.read(Root(str(tmp_path)), path)
        except errors.BootstrapError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_new_file_does_not_replace_another(tmp_path: Path) -> None:
    place(tmp_path, "link")
    opened = directory.Directory(str(tmp_path))
    with pytest.raises(FileExistsError):
        opened.create("a", b"text", mode=0o600, uid=-1, gid=-1)
    opened.close()
    assert (tmp_path / "outside").read_text() == "outside"


def test_a_trusted_conf_is_read(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir(mode=0o755)
    (tmp_path / "etc/conf").write_bytes(b"A=\xff\n")
    assert trust.read(Root(str(tmp_path)), "/etc/conf") == b"A=\xff\n"
    assert trust.read(Root(str(tmp_path)), "/etc/absent") is None
    assert trust.read(Root(str(tmp_path)), "/absent/conf") is None
    assert trust.names(Root(str(tmp_path)), "/etc") == ["conf"]
    assert trust.names(Root(str(tmp_path)), "/absent") == []


@pytest.mark.parametrize("kind", ["link", "dangling link", "fifo", "directory"])
def test_a_conf_that_is_not_a_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = place(tmp_path, kind)
    expected = errors.UntrustedPath if "link" in kind else errors.FileTrouble
    with pytest.raises(expected) as caught:
        trust.read(Root(str(tmp_path)), "/a")
    assert str(path) in caught.value.message and caught.value.hint


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o664])
@pytest.mark.parametrize("which", ["file", "directory"])
def test_files_that_others_can_write_are_refused_with_the_commands_that_repair_them(
    tmp_path: Path, mode: int, which: str
) -> None:
    (tmp_path / "etc").mkdir()
    conf = tmp_path / "etc/conf"
    conf.write_text("")
    path = conf if which == "file" else conf.parent
    path.chmod(mode | 0o100)
    with pytest.raises(errors.UntrustedPath) as caught:
        trust.read(Root(str(tmp_path)), "/etc/conf")
    assert str(path) in caught.value.message
    assert f"chown root:root {path}" in caught.value.hint and f"chmod go-w {path}" in caught.value.hint


@needs_root
@pytest.mark.parametrize("which", ["file", "directory"])
def test_files_of_another_user_are_refused(tmp_path: Path, which: str) -> None:
    (tmp_path / "etc").mkdir()
    conf = tmp_path / "etc/conf"
    conf.write_text("")
    path = conf if which == "file" else conf.parent
    os.chown(path, 65534, -1)
    with pytest.raises(errors.UntrustedPath, match="65534"):
        trust.read(Root(str(tmp_path)), "/etc/conf")


def test_a_too_large_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(trust.LARGEST + 1)
    with pytest.raises(errors.FileTrouble, match="4 MiB"):
        trust.read(Root(str(tmp_path)), "/a")


def test_a_file_becomes_private(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/conf").write_text("")
    (tmp_path / "etc/conf").chmod(0o644)
    trust.make_private(Root(str(tmp_path)), "/etc/conf")
    assert (tmp_path / "etc/conf").stat().st_mode & 0o7777 == 0o600
