"""How long a backup's archive takes, and how much memory, against tar with the same compressor plus sha256sum.

`./dev bench` runs this; `--small` leaves out what takes minutes and gigabytes. Both sides do the same work, read every
file, compress it, write an archive and know the SHA-256 of each file, in turn, A B A B, so that a machine whose speed
drifts does not favour one of them. What counts is the ratio of the medians. Peak memory is that of the largest process.

With gzip, ours compresses several blocks at a time and gzip does not: that is the gain on several processors.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

MEBIBYTE = 1024 * 1024

PACK = """
import sys
from teleport_bootstrap.archive.interface import Tree
from teleport_bootstrap.archive.pack import pack
from teleport_bootstrap.paths import Root
with open(sys.argv[2], "wb", buffering=0) as file:
    pack(file, {}, [Tree(sys.argv[1])], root=Root("/"), compression=sys.argv[3])
"""

VERIFY = """
import sys
from teleport_bootstrap.archive.verify import verify
class Source:
    name, size = sys.argv[1], None
    def open(self):
        return open(self.name, "rb", buffering=0)
verify(Source()).close()
"""

# What `tar` is asked for is what we do: sparse files stay sparse, extended attributes are kept.
TAR = (
    'tar --sparse --xattrs -C "$1" -cf - . | {program} >"$2" && '
    'find "$1" -type f -print0 | xargs -0 sha256sum >"$2.sums"'
)
PROGRAMS = {"zstd": "zstd -q -3 -c", "gzip": "gzip -6 -c"}


@dataclass(frozen=True)
class Used:
    """What a command took: seconds on the clock, and KiB of its largest process."""

    seconds: float
    kibibytes: int


def run(argv: list[str]) -> Used:
    """Run `argv`, which has to succeed, and return what it took."""
    began = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{argv[:3]} ended with status {child.returncode}")
    return Used(seconds, usage.ru_maxrss)


def ours(tree: str, target: str, compression: str) -> Used:
    """Pack `tree`."""
    return run([sys.executable, "-c", PACK, tree, target, compression])


def theirs(tree: str, target: str, compression: str) -> Used:
    """Archive `tree` with tar, and have sha256sum read each file."""
    return run(["sh", "-c", TAR.format(program=PROGRAMS[compression]), "sh", tree, target])


def median(values: list[Used]) -> Used:
    """Return the median of each."""
    return Used(statistics.median(each.seconds for each in values), int(statistics.median(v.kibibytes for v in values)))


def compare(name: str, tree: str, target: str, compression: str, rounds: int) -> Used:
    """Print how we compare with tar over `tree`, and how long verifying takes; return what packing took."""
    pairs = [
        (ours(tree, f"{target}.ours", compression), theirs(tree, f"{target}.tar", compression)) for _ in range(rounds)
    ]
    one, other = (median(list(side)) for side in zip(*pairs))
    checks = median([run([sys.executable, "-c", VERIFY, f"{target}.ours"]) for _ in range(rounds)])
    sizes = [os.path.getsize(f"{target}.{kind}") for kind in ("ours", "tar")]
    print(
        f"{name:<26}{compression:<6}"
        f"{one.seconds / other.seconds:6.2f} x the time ({one.seconds:.2f} s against {other.seconds:.2f} s), "
        f"{one.kibibytes / other.kibibytes:5.1f} x the memory ({one.kibibytes // 1024} MiB against "
        f"{other.kibibytes // 1024} MiB), {sizes[0] / sizes[1]:.2f} x the size; "
        f"verify: {checks.seconds:.2f} s, {checks.kibibytes // 1024} MiB",
        flush=True,
    )
    return one


def make(kind: str, tree: str, number: int) -> None:
    """Make a tree, in a process of its own: the peak memory of every child begins with that of its parent."""
    run([sys.executable, __file__, "--make", kind, tree, str(number)])
    # Writes that are still pending would slow down the first measurement.
    os.sync()
    # Nor is it about the disk: everything is in memory for both.
    run(["sh", "-c", 'find "$1" -type f -print0 | xargs -0 cat', "sh", tree])


def content(chance: random.Random, size: int) -> bytes:
    """Return bytes of which half can be compressed away, as in a database or a recorded session."""
    parts = []
    left = size
    while left > 0:
        part = chance.randbytes(2048) + b'{"event":"session.data","uid":"%032x"}' % chance.getrandbits(128) * 30
        parts.append(part[:left])
        left -= len(part)
    return b"".join(parts)


def large_file(path: str, size: int) -> None:
    """Write a file of `size` bytes."""
    path = f"{path}/file"
    part = content(random.Random(1), 8 * MEBIBYTE)
    with open(path, "wb") as file:
        for start in range(0, size, len(part)):
            # Not the same block twice: that would compress too well.
            at = start // len(part) * 4099 % len(part)
            file.write((part[at:] + part[:at])[: size - start])


def small_files(path: str, number: int) -> None:
    """Write `number` files of a few hundred bytes, a thousand in a directory."""
    chance = random.Random(2)
    for each in range(number):
        folder = f"{path}/{each // 1000:03}"
        if each % 1000 == 0:
            os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/session-{each:06}.json", "wb") as file:
            file.write(content(chance, chance.randrange(1, 1500)))


def hole(path: str, size: int) -> None:
    """Write a file of `size` bytes of which hardly any are there."""
    with open(f"{path}/sparse", "wb") as file:
        file.write(b"start")
        file.truncate(size)


KINDS = {"large_file": large_file, "small_files": small_files, "hole": hole}


def grow(title: str, results: list[tuple[int, Used]]) -> None:
    """Print how time and memory grow from the first to the last of `results`."""
    (first, least), (last, most) = results[0], results[-1]
    print(
        f"{title}: {last / first:.0f} times as many take {most.seconds / least.seconds:.0f} times as long "
        f"and {most.kibibytes / least.kibibytes:.2f} times the memory"
    )


def main() -> None:
    """Run all comparisons."""
    asked = argparse.ArgumentParser(description="What an archive takes, against tar and sha256sum.")
    asked.add_argument("--small", action="store_true", help="leave out gigabytes and hundreds of thousands of files")
    asked.add_argument("--directory", default="/var/tmp", help="where there is room for three times 5 GB")
    asked.add_argument("--make", nargs=3, metavar=("KIND", "TREE", "NUMBER"), help="make one of the trees, and no more")
    options = asked.parse_known_args()[0]
    if options.make:
        kind, tree, number = options.make
        os.mkdir(tree)
        KINDS[kind](tree, int(number))
        return
    programs = [name for name in PROGRAMS if shutil.which(name)]
    sizes = [1, 64] if options.small else [1, 64, 5 * 1024]
    numbers = [10, 2000] if options.small else [10, 2000, 200_000]
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        tree, target = f"{directory}/tree", f"{directory}/archive"
        for compression in programs:
            found = []
            for size in sizes:
                make("large_file", tree, size * MEBIBYTE)
                found.append((size, compare(f"{size} MiB in one file", tree, target, compression, 3)))
                shutil.rmtree(tree)
            grow("bytes", found)
            found = []
            for number in numbers:
                make("small_files", tree, number)
                found.append((number, compare(f"{number} small files", tree, target, compression, 3)))
                shutil.rmtree(tree)
            grow("files", found)
            make("hole", tree, sizes[-1] * MEBIBYTE)
            compare(f"{sizes[-1]} MiB, nearly a hole", tree, target, compression, 1)
            shutil.rmtree(tree)


if __name__ == "__main__":
    main()
