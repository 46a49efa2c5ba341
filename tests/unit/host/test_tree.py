"""Walking through and removing trees that are deeper than any path, and wider than memory should hold."""

from __future__ import annotations

import errno
import os
import resource
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleport_bootstrap.host import tree

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def make_deep(top: Path, levels: int, *, every: int = 100) -> None:
    """Make so many directories called `d` in each other in `top`, with a file in one of `every`."""
    descriptor = os.open(top, os.O_RDONLY)
    for level in range(levels):
        if level % every == 0:
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, 0o400, dir_fd=descriptor))
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, if there is one: a disk takes much longer for thousands of names."""
    if not os.access("/dev/shm", os.W_OK | os.X_OK):
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield made
    tree.remove(str(made))


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 80, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_descriptors")
@pytest.mark.parametrize("levels", [0, 1, 31, 32, 33, 34, 1000, 10_000])
def test_row_6_a_tree_of_any_depth_is_removed(quick: Path, levels: int) -> None:
    """Issue 14, row 6: nothing recurses, no path is used, few directories are open."""
    (quick / "top").mkdir()
    make_deep(quick / "top", levels)
    before = os.listdir("/proc/self/fd")
    tree.remove(str(quick / "top"))
    assert os.listdir(quick) == [] and len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.usefixtures("few_descriptors")
@pytest.mark.parametrize("levels", [0, 1, 31, 32, 33, 34, 1000, 10_000])
def test_row_6_a_tree_of_any_depth_is_walked(quick: Path, levels: int) -> None:
    (quick / "top").mkdir()
    make_deep(quick / "top", levels)
    top = os.open(quick / "top", os.O_RDONLY)
    found = [(each.name, each.depth) for each in tree.walk(top)]
    assert [depth for name, depth in found if name == "d"] == list(range(levels))
    assert [depth for name, depth in found if name == "file"] == list(range(0, levels, 100))
    os.close(top)
    tree.remove(str(quick / "top"))


def make_bushy(top: Path) -> set[str]:
    for first in range(5):
        for second in range(40):
            folder = top / f"{first}/{'x/' * (second % 36)}{second}"
            folder.mkdir(parents=True)
            (folder / "file").write_text("x")
            (folder / "link").symlink_to("/etc/passwd")
    return {
        os.path.relpath(os.path.join(at, name), top) for at, folders, files in os.walk(top) for name in folders + files
    }


def test_each_entry_of_a_bushy_tree_is_walked_once(tmp_path: Path) -> None:
    wanted = make_bushy(tmp_path)
    top = os.open(tmp_path, os.O_RDONLY)
    start = os.path.realpath(tmp_path)
    found = [
        os.path.relpath(os.path.join(os.readlink(f"/proc/self/fd/{each.parent}"), each.name), start)
        for each in tree.walk(top)
    ]
    assert len(found) == len(set(found)) and set(found) == wanted
    shallow = list(tree.walk(top, deepest=1))
    assert {each.depth for each in shallow} == {0, 1}
    os.close(top)


def test_a_bushy_tree_is_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "top").mkdir()
    make_bushy(tmp_path / "top")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("x")
    (tmp_path / "top" / "link to a directory").symlink_to(tmp_path / "outside")
    tree.remove(str(tmp_path / "top"))
    assert sorted(os.listdir(tmp_path)) == ["outside"] and (tmp_path / "outside" / "kept").exists()


def test_what_is_absent_or_a_file_or_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)
    opened = os.open(tmp_path, os.O_RDONLY)
    for name in ("absent", "file", "link"):
        tree.remove(name, directory=opened)
    os.close(opened)
    assert os.listdir(tmp_path) == []


def test_row_6_the_names_of_a_wide_directory_are_not_kept_in_memory(quick: Path) -> None:
    """Issue 14, row 6: 20,000 names of 200 bytes would take more than 4 MB."""
    (quick / "top").mkdir()
    opened = os.open(quick / "top", os.O_RDONLY)
    for number in range(20_000):
        os.mknod(f"{number:0200}", dir_fd=opened)
    os.close(opened)
    tracemalloc.start()
    tree.remove(str(quick / "top"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert os.listdir(quick) == [] and peak < 1024 * 1024


@needs_root
def test_what_cannot_be_removed_keeps_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the disk does not give up, on two levels; and everything else goes."""
    (tmp_path / "top").mkdir()
    make_deep(tmp_path / "top", 100)
    make_bushy(tmp_path / "top" / "d" / "d")
    (tmp_path / "top" / "kept").write_text("x")
    (tmp_path / "top" / "d" / "kept").write_text("x")
    unlink = os.unlink

    def refusing(name: str, **more: int) -> None:
        if name == "kept":
            raise OSError(errno.EIO, "Input/output error")
        unlink(name, **more)

    with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output error"):
        patched.setattr(os, "unlink", refusing)
        tree.remove(str(tmp_path / "top"))
    left = sorted(os.path.relpath(each, tmp_path) for each in (tmp_path / "top").rglob("*"))
    assert left == ["top/d", "top/d/kept", "top/kept"]


@needs_root
def test_an_owner_with_an_open_descriptor_cannot_keep_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each directory is root's before the first name in it is removed."""
    make_deep(tmp_path, 50)
    seen = []
    for at, folders, _ in os.walk(tmp_path / "d"):
        os.chown(at, 12345, 12345)
        os.chmod(at, 0o777)
        assert len(folders) <= 1
    unlink = os.unlink

    def watching(name: str, *, dir_fd: int) -> None:
        facts = os.fstat(dir_fd)
        seen.append((facts.st_uid, facts.st_mode & 0o777))
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", watching)
    tree.remove(str(tmp_path / "d"))
    assert set(seen) == {(0, 0o700)}


def test_a_directory_that_is_moved_while_it_is_walked_leads_nowhere(tmp_path: Path) -> None:
    """The account of the tree exchanges a directory above; `..` would lead out of the tree."""
    (tmp_path / "top").mkdir()
    (tmp_path / "elsewhere").mkdir()
    make_deep(tmp_path / "top", 60)
    top = os.open(tmp_path / "top", os.O_RDONLY)
    with pytest.raises(OSError, match="moved while it was read"):
        for each in tree.walk(top):
            if each.depth == 50 and each.name == "d":
                os.rename(f"{tmp_path}/top{'/d' * 40}", tmp_path / "elsewhere" / "d")
    os.close(top)
