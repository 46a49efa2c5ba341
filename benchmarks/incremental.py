"""What a second backup of an unchanged host would take if backups were incremental: a prototype, and others' programs.

    python3 -m benchmarks.incremental --directory DIR [--mebibytes 5120]

The prototype cuts files into chunks of 1 MiB, names each by its SHA-256, and keeps those that are new in packs of up to
16 MiB, one zstd frame each. A snapshot lists every file with its facts and chunks. The second backup has a choice:
`index` takes the chunks of a file from the last snapshot when its inode, size, time of change and time of modification
are the same, and does not open it; `content` reads all files and looks up each chunk. Where they are installed, restic
and borg do the same two things.

It shows costs, and is not a program for backups: it keeps regular files only, and does not guard against files that
change meanwhile. docs/incremental-backups.md has the figures, and what a real one needs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

MEBIBYTE = 1024 * 1024
CHUNK = MEBIBYTE
PACK = 16 * MEBIBYTE
_FILE = 128 * MEBIBYTE

Facts = list[int]


@dataclass
class Store:
    """Packs of chunks, and snapshots."""

    directory: Path
    # Of each chunk: its pack, and where it begins there.
    chunks: dict[str, tuple[int, int]] = field(default_factory=dict)
    # Of each file of the last snapshot: its facts and its chunks.
    files: dict[str, tuple[Facts, list[str]]] = field(default_factory=dict)
    pack: bytearray = field(default_factory=bytearray)
    packs: int = 0
    read: int = 0
    written: int = 0

    def load(self) -> None:
        for line in (self.directory / "chunks").read_text(encoding="ascii").splitlines():
            name, pack, start = line.split()
            self.chunks[name] = int(pack), int(start)
            self.packs = max(self.packs, int(pack) + 1)
        for line in (self.directory / "snapshot").read_text(encoding="ascii").splitlines():
            path, facts, chunks = json.loads(line)
            self.files[path] = facts, chunks

    def add(self, data: bytes) -> str:
        """Keep a chunk unless it is there, and return its name."""
        name = hashlib.sha256(data).hexdigest()
        self.read += len(data)
        if name not in self.chunks:
            self.chunks[name] = self.packs, len(self.pack)
            self.pack += data
            if len(self.pack) >= PACK:
                self.flush()
        return name

    def flush(self) -> None:
        if self.pack:
            done = subprocess.run(
                ["zstd", "-q", "-3", "-T0", "-c"], input=self.pack, stdout=subprocess.PIPE, check=True
            )
            self._write(f"{self.packs:06}.zst", done.stdout)
            self.packs += 1
            self.pack = bytearray()

    def finish(self, files: dict[str, tuple[Facts, list[str]]]) -> None:
        self.flush()
        lines = (json.dumps([path, *found]) for path, found in files.items())
        self._write("snapshot", "".join(f"{line}\n" for line in lines).encode())
        self._write(
            "chunks", "".join(f"{name} {pack} {start}\n" for name, (pack, start) in self.chunks.items()).encode()
        )

    def _write(self, name: str, data: bytes) -> None:
        with open(self.directory / f"{name}.new", "wb") as file:
            file.write(data)
            os.fsync(file.fileno())
        os.replace(self.directory / f"{name}.new", self.directory / name)
        self.written += len(data)


def back_up(tree: Path, store: Store, *, trusts_index: bool) -> None:
    """Make a snapshot of the regular files below `tree`."""
    found: dict[str, tuple[Facts, list[str]]] = {}
    for path, facts in _files(str(tree)):
        known = store.files.get(path)
        if trusts_index and known is not None and known[0] == facts:
            found[path] = known
            continue
        with open(path, "rb", buffering=0) as file:
            found[path] = facts, [store.add(part) for part in iter(lambda: file.read(CHUNK), b"")]
    store.finish(found)


def _files(folder: str) -> Iterator[tuple[str, Facts]]:
    with os.scandir(folder) as entries:
        for each in sorted(entries, key=lambda entry: entry.name):
            if each.is_dir(follow_symlinks=False):
                yield from _files(each.path)
            elif each.is_file(follow_symlinks=False):
                facts = each.stat(follow_symlinks=False)
                yield each.path, [facts.st_ino, facts.st_size, facts.st_ctime_ns, facts.st_mtime_ns]


@dataclass(frozen=True)
class Took:
    """Seconds of the processor and on the clock, and what was read and written."""

    cpu: float
    wall: float
    read: int
    written: int


def run(argv: Sequence[str], store: Path, environ: Optional[dict[str, str]] = None) -> Took:
    """Run a backup into `store` in a process of its own; it reads through the page cache, which is counted as well."""
    before = _bytes_in(store)
    # The shell's children are waited for, so that they count; `rchar` is what all of them have read.
    read = 'while read -r key value; do [ "$key" != rchar: ] || echo "$value"; done </proc/$$/io'
    script = f'"$@" >/dev/null 2>&1 || exit 1; {read}'
    began = time.perf_counter()
    child = subprocess.Popen(
        ["sh", "-c", script, "sh", *argv], stdout=subprocess.PIPE, env={**os.environ, **(environ or {})}
    )
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{argv[:2]} ended with status {child.returncode}")
    return Took(usage.ru_utime + usage.ru_stime, wall, int(said), _bytes_in(store) - before)


def _bytes_in(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def make(tree: Path, mebibytes: int) -> None:
    """Write files of at most 128 MiB of which no two parts are the same, and half can be compressed away."""
    tree.mkdir()
    for number in range(-(-mebibytes * MEBIBYTE // _FILE)):
        with open(tree / f"{number:03}.tar", "wb") as file:
            for part in range(min(_FILE, mebibytes * MEBIBYTE - number * _FILE) // MEBIBYTE):
                line = b'{"event":"session.data","uid":"%08d-%08d"}' % (number, part)
                file.write(os.urandom(MEBIBYTE // 2))
                file.write((line * (MEBIBYTE // 2 // len(line) + 1))[: MEBIBYTE // 2])


def ways(tree: Path, store: Path) -> dict[str, list[list[str]]]:
    """Return what to run by name: what prepares the store, the first backup, and the second."""
    own = [sys.executable, "-m", "benchmarks.incremental", "--into", str(store), str(tree)]
    found = {
        "prototype, index": [["true"], own, [*own, "--how", "index"]],
        "prototype, content": [["true"], own, [*own, "--how", "content"]],
    }
    if shutil.which("restic"):
        restic = ["restic", "--no-cache", "-r", str(store)]
        backup = [*restic, "backup", str(tree)]
        found["restic, index"] = [[*restic, "init"], backup, backup]
        found["restic, content"] = [[*restic, "init"], backup, [*backup, "--force"]]
    if shutil.which("borg"):
        create = ["borg", "create", "--compression", "zstd,3"]
        first, second = f"{store}::one", f"{store}::two"
        init = ["borg", "init", "-e", "none", str(store)]
        found["borg, index"] = [init, [*create, first, str(tree)], [*create, second, str(tree)]]
        found["borg, content"] = [
            init,
            [*create, first, str(tree)],
            [*create, "--files-cache", "disabled", second, str(tree)],
        ]
    return found


def main() -> int:
    """Compare, or make one backup with the prototype."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.incremental", description="What an incremental backup would take."
    )
    parser.add_argument("tree", nargs="?", help="make one backup of this directory")
    parser.add_argument("--into", help="where that backup is kept")
    parser.add_argument("--how", choices=("index", "content"), help="after an earlier one there")
    parser.add_argument("--directory", help="where there is room for twice as much")
    parser.add_argument("--mebibytes", type=int, default=5 * 1024, help="how much is backed up; default: %(default)s")
    options = parser.parse_args()
    if options.into:
        kept = Store(Path(options.into))
        if options.how:
            kept.load()
        back_up(Path(options.tree), kept, trusts_index=options.how == "index")
        return 0
    environ = {"RESTIC_PASSWORD": "x", "BORG_BASE_DIR": "", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
    with tempfile.TemporaryDirectory(dir=options.directory) as scratch:
        tree, store = Path(scratch) / "tree", Path(scratch) / "store"
        make(tree, options.mebibytes)
        for name, (prepare, first, second) in ways(tree, store).items():
            store.mkdir()
            environ["BORG_BASE_DIR"] = f"{scratch}/borg"
            environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
            run(prepare, store, environ)
            for which, argv in (("first", first), ("second", second)):
                took = run(argv, store, environ)
                print(
                    f"{name:<20} {which:<7} {took.cpu:7.2f} s of the processor, {took.wall:7.2f} s on the clock, "
                    f"{took.read / MEBIBYTE:8.1f} MiB read, {took.written / MEBIBYTE:8.2f} MiB written",
                    flush=True,
                )
            for each in (store, Path(scratch) / "borg", Path(scratch) / "cache"):
                shutil.rmtree(each, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
