"""What must hold for an archive: what `verify` accepts is unpacked inside its places only, as the manifest says.

Unpacking runs as an ordinary account, also where root runs the fuzzer: a fault then cannot reach this machine's files.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import stat
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path

from teleport_bootstrap import paths
from teleport_bootstrap.archive import interface, unpack, verify
from teleport_bootstrap.host import process
from tests.fuzz.oracle import catalogue, holds, plain, same
from tests.unit.archive.crafted import InMemory

_SOMEONE = 65534
LIMITS = interface.Limits(data=64 * 1024, content=256 * 1024, holes=256 * 1024, entries=100)

# The process that syncs a file system takes longer than all the rest.
unpack.process = types.SimpleNamespace(
    **{**vars(process), "run": lambda argv, **_: process.Finished(tuple(argv), 0, "", "")}
)


def judge(archive: bytes) -> bool:
    """Verify an archive, and unpack it where it is accepted; return whether it was."""
    source = InMemory(archive)
    with catalogue(), verify.verify(source, limits=LIMITS, keep=lambda _, size: size < 1024) as verified:
        entries = list(verified.entries())
        holds(len(entries) == verified.totals.entries <= LIMITS.entries, verified.totals)
        for note in verified.notes:
            plain(note.describe())
        for each in entries:
            parts = each.path.split("/")
            holds(not {"", ".", ".."} & set(parts), each)
        _unpack(source, entries)
        return True
    return False


def _unpack(source: InMemory, entries: list[interface.Entry]) -> None:
    with _scratch() as scratch:
        before = _listed(scratch)
        into = {"/var/lib/teleport": f"{scratch}/in/data", "/etc/teleport.yaml": f"{scratch}/in/yaml"}
        done = False
        with catalogue(), _as_someone():
            unpack.unpack(source, into, root=paths.Root(str(scratch)), limits=LIMITS)
            done = True
        if done and os.geteuid() == 0:  # who else could not look into every directory
            _as_listed(scratch / "in", entries)
        # Nothing but below the places, also where it ended early.
        after = _listed(scratch)
        for each in set(after) - set(before):
            holds(each.split("/")[:2] in (["in", "data"], ["in", "yaml"]), each)
        for each in before:
            holds(each == "in" or after.get(each) == before[each], each)
        for each, facts in after.items():
            kind = stat.S_IFMT(facts[0])
            holds(kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK), each)


def _as_listed(place: Path, entries: list[interface.Entry]) -> None:
    """Raise Fault unless each member is on the disk as the manifest has it."""
    names = {"var/lib/teleport": "data", "etc/teleport.yaml": "yaml"}
    for each in entries:
        top = next((top for top in names if each.path == top or each.path.startswith(f"{top}/")), None)
        if top is None:
            continue
        path = place / (names[top] + each.path[len(top) :])
        facts = os.lstat(path)
        if each.kind == interface.SYMLINK:
            same(os.readlink(path), each.link)
            continue
        same(stat.S_ISDIR(facts.st_mode), each.kind == interface.DIRECTORY)
        if each.kind == interface.FILE:
            same(facts.st_size, each.size)
            same(hashlib.sha256(path.read_bytes()).hexdigest(), each.sha256)
            same(stat.S_IMODE(facts.st_mode), each.mode)
        elif each.kind == interface.HARDLINK:
            same(facts.st_ino, os.lstat(place / (names[top] + each.link[len(top) :])).st_ino)


def _listed(scratch: Path) -> dict[str, tuple[int, int]]:
    """Return mode and size of everything below, directories that cannot be entered by their names alone."""
    found = {}
    for folder, folders, names in os.walk(scratch):
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            found[os.path.relpath(path, scratch)] = (facts.st_mode, 0 if stat.S_ISDIR(facts.st_mode) else facts.st_size)
    return found


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a directory with a directory to unpack in, and a file beside it that nothing may change."""
    scratch = Path(tempfile.mkdtemp(dir=_memory()))
    try:
        (scratch / "in").mkdir()
        (scratch / "canary").write_text("unchanged")
        if os.geteuid() == 0:
            for each in (scratch, scratch / "in", scratch / "canary"):
                os.chown(each, _SOMEONE, _SOMEONE)
        yield scratch
    finally:
        _remove(scratch)


@contextlib.contextmanager
def _as_someone() -> Iterator[None]:
    """Run the body as an ordinary account, where this is root's process."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(_SOMEONE)
    os.seteuid(_SOMEONE)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def _remove(scratch: Path) -> None:
    # A directory may have a mode in which its own account cannot look into it.
    for folder, folders, _ in os.walk(scratch):
        for each in folders:
            path = os.path.join(folder, each)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(scratch)


@functools.lru_cache(maxsize=1)
def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
