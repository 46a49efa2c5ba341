"""`backup` and `restore` beside tar, zstd and sha256sum: processor time, the clock, and the memory of all processes.

`backup` also verifies what it has written: it reads the archive again from the place where it is kept, expands it and
compares each file with the manifest. What tar, zstd and sha256sum are asked for is the same level of compression,
holes, extended attributes, and the digest of each file; a second pair of rows has them verify their archive too, as
far as they can. A restore is compared with unpacking and `sha256sum -c`.

    python3 -m benchmarks.backup [--small] [--rounds N] [--directory DIR]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import backup_trees, builds, measuring, setting, table, tree_memory
from benchmarks.measuring import Figures, Side
from benchmarks.row import Row
from benchmarks.setting import Setting

GROUP = "backup"
COMMAND = f"./dev bench --only {GROUP}"

_MAKE = (
    'set -e; tar --sparse --xattrs -C "$1" -cf - . | zstd -q -3 -T0 -f -o "$2"; '
    'cd "$1"; find . -type f -print0 | xargs -0 sha256sum >"$2.sums"'
)
_VERIFY = '; sha256sum "$2" >"$2.sum"; sha256sum --status -c "$2.sum"; zstd -q -t "$2"'
_UNPACK = 'set -e; zstd -q -dc "$2" | tar --xattrs -C "$1" -xpf -; cd "$1"; sha256sum --status -c "$2.sums"'

_MOST_ROUNDS = 5
_RATIO = 0.9
_RATIO_OF_FEW = 3.0
_MOST_MEBIBYTES = 60.0


@dataclass(frozen=True)
class Tree:
    """What there is to back up, and the target for the ratio."""

    name: str
    make: backup_trees.Maker
    amount: int
    target: float


FULL = (
    Tree("5 GiB", backup_trees.recordings, 5 * 1024, _RATIO),
    Tree("200,000 files", backup_trees.small_files, 200_000, _RATIO),
    Tree("10 files", backup_trees.small_files, 10, _RATIO_OF_FEW),
)
SMALL = (
    Tree("128 MiB", backup_trees.recordings, 128, _RATIO),
    Tree("4,000 files", backup_trees.small_files, 4000, _RATIO),
    Tree("10 files", backup_trees.small_files, 10, _RATIO_OF_FEW),
)

_WHAT = (
    "`backup` of {}, against tar, zstd and sha256sum",
    "`backup` of {}, against the same with `sha256sum -c` and `zstd -t` of the archive",
    "`restore` of {}, against zstd, tar and `sha256sum -c`",
)
_ON_THE_CLOCK = "{}, on the clock"
_MEMORY = "memory of all processes of `{}`, {}"


def names(trees: tuple[Tree, ...]) -> tuple[str, ...]:
    """Return the names of the rows."""
    return tuple(name for tree in trees for name in _names(tree.name))


def _names(tree: str) -> Iterator[str]:
    for what in _WHAT:
        yield what.format(tree)
        yield _ON_THE_CLOCK.format(what.format(tree))
    for command in ("backup", "restore"):
        yield _MEMORY.format(command, tree)


NAMES = names(FULL)
QUICK_NAMES = names(SMALL)


def rows(made: Setting, trees: tuple[Tree, ...] | None = None) -> list[Row]:
    """Measure `trees`, by default those that fit the setting; raises measuring.Failed."""
    chosen = trees or (SMALL if made.quick else FULL)
    return [row for tree in chosen for row in _Measurement(made, tree).rows()]


class _Measurement:
    """One tree, and what is made of it."""

    def __init__(self, made: Setting, tree: Tree) -> None:
        self._made = made
        self._tree = tree
        self._root = made.scratch / "host"
        self._restored = made.scratch / "restored"
        self._theirs = made.scratch / "theirs.tar.zst"
        self._unpacked = made.scratch / "unpacked"

    def rows(self) -> list[Row]:
        rounds = min(self._made.rounds, _MOST_ROUNDS)
        self._clear()
        backup_trees.host(self._root)
        generate = ("--root", str(self._root), "generate", "--teleport-version", setting.TELEPORT_VERSION)
        self._made.runner.run(self._made.agent(*generate)["this"])
        self._tree.make(self._root, self._tree.amount)
        try:
            backups = measuring.in_turn(
                self._made.runner,
                {
                    **self._made.agent("--root", str(self._root), "backup", "create", prepare=self._empty),
                    "tar": self._shell(_MAKE, self._root / backup_trees.DATA),
                    "verified": self._shell(_MAKE + _VERIFY, self._root / backup_trees.DATA),
                },
                rounds,
            )
            memory = [tree_memory.peak(self._backup())]
            restores = measuring.in_turn(
                self._made.runner,
                {"this": self._restore(), "tar": self._shell(_UNPACK, self._unpacked, is_new=True)},
                rounds,
            )
            memory.append(tree_memory.peak(self._restore()))
        finally:
            self._clear()
        target = self._tree.target
        return [
            *self._pair(0, backups, "tar", target),
            *self._pair(1, backups, "verified", None),
            *self._pair(2, restores, "tar", target),
            *(
                Row(_MEMORY.format(name, self._tree.name), each, None, None, _MOST_MEBIBYTES, "MiB", COMMAND)
                for name, each in zip(("backup", "restore"), memory)
            ),
        ]

    def _pair(self, what: int, figures: Figures, other: str, target: float | None) -> Iterator[Row]:
        """Yield the rows of one comparison: the processor's time, and the clock's."""
        name = _WHAT[what].format(self._tree.name)
        ours, theirs = figures.milliseconds("this"), figures.milliseconds(other)
        before = figures.ratio("before", other) if "before" in figures else None
        spread = figures.spread("this", other)
        yield Row(name, ours, theirs, ours / theirs, target, "ms", COMMAND, before=before, spread=spread)
        ours, theirs = (1000 * statistics.median(run.wall for run in figures.runs[each]) for each in ("this", other))
        yield Row(_ON_THE_CLOCK.format(name), ours, theirs, ours / theirs, target, "ms", COMMAND)

    def _backup(self) -> Side:
        return self._made.agent("--root", str(self._root), "backup", "create", prepare=self._empty)["this"]

    def _restore(self) -> Side:
        (archive,) = (self._root / "var/backups/teleport").glob("*.tar.*[tz]")
        return self._made.agent(
            "--root", str(self._restored), "restore", str(archive), "--yes", "--force", prepare=self._new_host
        )["this"]

    def _shell(self, script: str, directory: Path, *, is_new: bool = False) -> Side:
        argv = ("/bin/sh", "-c", script, "sh", str(directory), str(self._theirs))
        return Side(argv, self._made.environ(), self._new_directory if is_new else None)

    def _empty(self) -> None:
        shutil.rmtree(self._root / "var/backups", ignore_errors=True)

    def _new_host(self) -> None:
        shutil.rmtree(self._restored, ignore_errors=True)
        shutil.copytree(self._root / "etc", self._restored / "etc", ignore=shutil.ignore_patterns("teleport*"))

    def _new_directory(self) -> None:
        shutil.rmtree(self._unpacked, ignore_errors=True)
        self._unpacked.mkdir()

    def _clear(self) -> None:
        for each in (self._root, self._restored, self._unpacked):
            shutil.rmtree(each, ignore_errors=True)
        for name in ("", ".sums", ".sum"):
            Path(f"{self._theirs}{name}").unlink(missing_ok=True)


def main() -> int:
    """Measure and print these rows alone."""
    parser = argparse.ArgumentParser(prog="benchmarks.backup", description="What a backup and a restore take.")
    parser.add_argument("--small", action="store_true", help="leave out gigabytes and hundreds of thousands of files")
    parser.add_argument("--rounds", type=int, default=3, help="how often; default: %(default)s")
    parser.add_argument("--directory", help="where there is room for four times 5 GiB; default: that of Python")
    parser.add_argument("--tree", help="only this one, such as '10 files'")
    parser.add_argument("--before", default=builds.BEFORE, metavar="COMMIT", help="the build to compare with")
    options = parser.parse_args()
    trees = tuple(each for each in (SMALL if options.small else FULL) if options.tree in (None, each.name))
    with (
        tempfile.TemporaryDirectory(dir=options.directory) as scratch,
        setting.make(Path(scratch), options.before, rounds=options.rounds, quick=options.small) as made,
    ):
        print("\n".join(table.lines(rows(made, trees), heading=True)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
