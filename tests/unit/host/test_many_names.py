"""Issue 14, rows 6 and 7: what Teleport's account leaves in a directory neither fills root's memory nor stays."""

from __future__ import annotations

import contextlib
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from teleport_bootstrap import paths
from teleport_bootstrap.change import journal
from teleport_bootstrap.host import directory, scratch
from teleport_bootstrap.inspection import bundle_parts

NAMES = 10_000
# A list of the names would take more than three times as much.
MOST_MEMORY = 1024 * 1024


def _staged(root: paths.Root) -> None:
    with contextlib.closing(directory.Directory(root.path(paths.DATA))) as opened:
        opened.remove_staged("token")


READERS: dict[str, Callable[[paths.Root], object]] = {
    "sweep": lambda root: journal.sweep(root, [paths.DATA]),
    "staged": _staged,
    "listing": lambda root: list(bundle_parts._listing(root)),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> paths.Root:
    found = paths.Root(str(tmp_path_factory.mktemp("many")))
    folder = Path(found.path(paths.DATA))
    folder.mkdir(parents=True)
    for number in range(NAMES):
        (folder / f"{number:08d}{'x' * 240}").touch()
    return found


@pytest.mark.parametrize("reader", READERS)
def test_row_7_the_names_in_the_data_directory_are_never_kept_together(root: paths.Root, reader: str) -> None:
    left = Path(root.path(paths.DATA), f".token.0{directory.STAGED}")
    left.touch()
    tracemalloc.start()
    try:
        READERS[reader](root)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY
    assert left.exists() == (reader == "listing")


def test_row_6_a_deep_tree_in_a_directory_for_temporary_files_is_removed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch.directory("deep") as made:
        here = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
        for _ in range(2000):
            os.mkdir("d", dir_fd=here)
            inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(here)
    assert not os.listdir(tmp_path)
