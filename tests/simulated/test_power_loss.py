"""Power loss during a command leaves the old or the new state (issue 14, what to build, 4).

A sample of the moments of the longer commands; `./dev power-loss` takes all of them, of all commands.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulated.agent import CHECKOUT, needs_strace
from tests.simulated.power_loss import check, commands, disk, log, trace
from tests.simulated.power_loss import tree as trees

MOMENTS = 5


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, check.Run]]:
    """The runs of this module by name, each made when it is asked for."""

    class Runs(dict[str, check.Run]):
        def __missing__(self, name: str) -> check.Run:
            scratch = Path(resources.enter_context(tempfile.TemporaryDirectory(dir=check.memory())))
            self[name] = commands.COMMANDS[name](commands.World(scratch, resources))
            return self[name]

    with contextlib.ExitStack() as resources:
        yield Runs()


def described(figures: check.Figures) -> str:
    return "\n".join(map(str, figures.bad[:5]))


@needs_strace
@pytest.mark.parametrize("name", commands.COMMANDS)
def test_a_power_loss_leaves_the_old_or_the_new_state(runs: dict[str, check.Run], name: str) -> None:
    run = runs[name]
    figures = run.check(moments=check.sample(run, MOMENTS))
    assert not figures.bad, described(figures)
    # Otherwise nothing was tried.
    assert figures.distinct > MOMENTS and "new" in figures.ends
    assert run.before != run.after


@needs_strace
@pytest.mark.parametrize(
    ("name", "path", "begin"),
    [
        ("generate (first boot)", "/var", "^make /var/lib$"),
        ("generate (first boot)", r"/etc/\.teleport\.yaml\.\S+", ""),
        ("reconfigure", "/etc/teleport.d", "^link role"),
        ("reconfigure", r"/var/lib/teleport-bootstrap/\.change\.json\.\S+", ""),
        ("reconfigure", "/var/lib/teleport-bootstrap", "^rename .*/change.json"),
        ("reconfigure", "/etc/teleport.d", "^rename .* to /etc/teleport.yaml"),
        ("reconfigure", "/etc", "^rename .* to /etc/teleport.yaml"),
    ],
)
def test_the_model_notices_a_forgotten_sync(runs: dict[str, check.Run], name: str, path: str, begin: str) -> None:
    run = runs[name]
    words = run.log.words
    start = next(number for number, each in enumerate(words) if re.search(begin, each))
    number = next(each for each in run.syncs() if each >= start and re.fullmatch(f"fsync {path}", words[each]))
    # Just after the last swap, or at the end, where success was reported.
    swap = next(at for at, each in enumerate(words) if re.search("^rename .* to /etc/teleport.yaml", each))
    moments = (swap, len(words) - 1) if number < swap else (len(words) - 1,)
    assert any(run.forgetting(number, after=each).bad for each in moments), words[number]


def test_the_page_has_rows_of_commands_and_none_that_is_bad() -> None:
    page = (CHECKOUT / "docs" / "power-loss.md").read_text()
    rows = re.findall(r"^\| ([a-z][^|]*?) \| \d+ \| \d+ \| [\d,]+ \| [\d,]+ \| 0 \|", page, re.MULTILINE)
    # Those whose runs take longest may be missing: `./dev power-loss` prints them.
    assert rows and rows == [name for name in commands.COMMANDS if name in rows]


# ---------------------------------------------------------------- the model itself


def tree_log(*operations: log.Operation, files: tuple[str, ...] = ()) -> log.Log:
    """Return a log that begins with a root, a directory "d" in it, and `files` in the root with content "old"."""
    made = log.Log({log.ROOT: log.Inode(trees.DIRECTORY, 0o755, 0, 0), 1: log.Inode(trees.DIRECTORY, 0o755, 0, 0)})
    made.names[log.ROOT, "d"] = 1
    for number, name in enumerate(files, 2):
        made.inodes[number] = log.Inode(trees.FILE, 0o644, 0, 0, b"old")
        made.names[log.ROOT, name] = number
    made.inodes[9] = log.Inode(trees.FILE, 0o600, 0, 0)
    made.operations = list(operations)
    made.words = [str(each) for each in operations]
    return made


def contents(made: log.Log, *, ordered: bool = False) -> set[tuple[tuple[str, bytes], ...]]:
    """Return what the files may be after the last operation, by path and content."""
    found = disk.Disk(made).states(len(made.operations))
    return {
        tuple(sorted((path, each.content) for path, each in state.tree.items() if each.kind == trees.FILE))
        for state in found
        if state.is_ordered or not ordered
    }


NEW_FILE = log.Names((log.Entry(log.ROOT, ".new", 9),))
WRITTEN = log.Data(9, b"content!")
RENAMED = log.Names((log.Entry(log.ROOT, ".new", None), log.Entry(log.ROOT, "f", 9)))


def test_without_a_sync_a_replaced_file_may_be_anything() -> None:
    found = contents(tree_log(NEW_FILE, WRITTEN, RENAMED, files=("f",)))
    assert (("f", b"old"),) in found
    assert {(("f", each),) for each in (b"content!", b"", bytes(8), b"cont")} <= found
    assert ((".new", b"content!"), ("f", b"old")) in found


def test_a_synced_file_that_is_renamed_is_the_old_or_the_new_one() -> None:
    found = contents(tree_log(NEW_FILE, WRITTEN, log.Sync(9), RENAMED, files=("f",)))
    assert found == {(("f", b"old"),), ((".new", b"content!"), ("f", b"old")), (("f", b"content!"),)}
    found = contents(tree_log(NEW_FILE, WRITTEN, log.Sync(9), RENAMED, log.Sync(log.ROOT), files=("f",)))
    assert found == {(("f", b"content!"),)}


def test_two_names_are_lost_in_any_order_but_not_with_ordered_metadata() -> None:
    one, other = (log.Names((log.Entry(log.ROOT, name, None),)) for name in "ab")
    made = tree_log(one, other, files=("a", "b"))
    lost_first = (("a", b"old"),)
    assert lost_first in contents(made)
    assert contents(made, ordered=True) == {(("a", b"old"), ("b", b"old")), (("b", b"old"),), ()}


def test_a_rename_between_directories_takes_the_sync_of_both() -> None:
    moved = log.Names((log.Entry(log.ROOT, "a", None), log.Entry(1, "a", 2)))
    for folder in (log.ROOT, 1):
        assert contents(tree_log(moved, log.Sync(folder), files=("a",))) == {(("a", b"old"),), (("d/a", b"old"),)}
    assert contents(tree_log(moved, log.Sync(log.ROOT), log.Sync(1), files=("a",))) == {(("d/a", b"old"),)}


def test_what_is_in_a_directory_is_lost_with_the_name_of_the_directory() -> None:
    made = tree_log()
    made.inodes[8] = log.Inode(trees.DIRECTORY, 0o755, 0, 0)
    made.operations = [log.Names((log.Entry(log.ROOT, "e", 8),)), log.Names((log.Entry(8, "f", 9),)), log.Sync(8)]
    made.words = [""] * 3
    assert contents(made) == {(), (("e/f", b""),)}


@needs_strace
def test_refuses_a_trace_that_does_not_lead_to_what_is_on_the_disk(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    before, _ = log.of_tree(root)
    (root / "unnoticed").write_text("x")
    with pytest.raises(AssertionError, match="unnoticed"):
        log.record(before, root, ())


@needs_strace
def test_follows_the_calls_of_a_program(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    before, _ = log.of_tree(root)
    program = """
import os
os.umask(0o027)
with open("d/a", "wb") as file:
    file.write(b"x" * 10)
    file.flush()
    file.seek(2)
    file.write(b'a "quoted" > (name)')
    file.truncate(4)
    os.fsync(file)
os.mkdir(os.path.abspath("e"))
folder = os.open("e", os.O_RDONLY)
os.link("d/a", "b", dst_dir_fd=folder)
os.chmod(os.path.abspath("d/a"), 0o4711)
os.symlink("d", os.path.abspath("l"))
os.rename("d/a", "c d", src_dir_fd=os.open(".", os.O_RDONLY), dst_dir_fd=folder)
os.open("l/through", os.O_CREAT | os.O_WRONLY, 0o666)
if os.fork() == 0:
    os.unlink("b", dir_fd=folder)
    os.fsync(folder)
else:
    os.wait()
"""
    output = tmp_path / "trace"
    subprocess.run([*trace.prefix(output), sys.executable, "-c", program], cwd=root, check=True)
    made = log.record(before, root, trace.calls(output))
    assert [type(each) for each in made.operations].count(log.Sync) == 2
    assert "fsync /e" in made.words
