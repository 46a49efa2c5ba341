"""Trees with every hard case there is, and what is in a tree, to be compared."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from pathlib import Path
from typing import Any

MEBIBYTE = 1024 * 1024
MODE_BITS = 0o7777


def make_hard(top: Path, *, files: int = 1000) -> None:
    """Fill `top` with names, modes, times, links, holes and attributes of all kinds, and `files` small files."""
    raw = os.fsencode(top)

    def write(name: bytes | str, content: bytes = b"x") -> bytes:
        path = os.path.join(raw, os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    for name in ("plain", "\udcff\udcfe not UTF-8", "ünïcode ✓", "new\nline", 'quo"te\\', " blanks ", "-rf", "n" * 255):
        write(name)
    write("/".join(["d" * 200] * 5) + "/deep")
    write(b"/".join([b"\xe9" * 200] * 3) + b"/deep")
    write("p" * 99)
    write("empty", b"")
    os.mkdir(top / "empty directory")
    os.mkdir(top / "sticky")
    os.chmod(top / "sticky", 0o1777)
    os.chmod(write("no mode", b"secret"), 0)
    os.chmod(write("setuid"), 0o6755)
    for name, target in (
        ("loop 1", "loop 2"),
        ("loop 2", "loop 1"),
        ("self", "."),
        ("dangling", "nowhere"),
        ("absolute", "/etc/shadow"),
        ("up", "../../../etc/shadow"),
        ("long", "l" * 4000),
    ):
        os.symlink(target, top / name)
    os.symlink(b"\xff\xfe", os.path.join(raw, b"link \xff"))
    with open(top / "sparse", "wb") as file:
        for at in (3 * MEBIBYTE, 17 * MEBIBYTE + 5):
            file.seek(at)
            file.write(b"data " * 3000)
        file.truncate(64 * MEBIBYTE + 17)
    with open(top / "only a hole", "wb") as file:
        file.truncate(5 * MEBIBYTE)
    with open(top / "small hole", "wb") as file:
        file.write(b"start")
        file.truncate(300_000)
    write("large", os.urandom(3 * MEBIBYTE) + bytes(range(256)) * 20_000)
    for size in (511, 512, 513, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1):
        write(f"sizes/{size}", os.urandom(1) * size)
    first = write("names/first", b"one file, three names")
    os.link(first, os.path.join(raw, b"names/second"))
    os.link(first, os.path.join(raw, b"names/zz third"))
    for name, nanoseconds in (("1969", -5_000_000_001), ("2023", 1_700_000_000_123_456_789), ("2255", 9 * 10**18 + 1)):
        os.utime(write(name), ns=(nanoseconds, nanoseconds))
    for number in range(files):
        write(f"many/{number % 7}/{number}", b"%d " % number * (number % 200))
    for number, value in enumerate((b"", b"text", b"\0\n=\xff" * 100)):
        os.setxattr(write("attributes"), f"user.number{number}", value)
        os.setxattr(top / "empty directory", f"user.number{number}", value)
    if os.geteuid() == 0:
        make_hard_as_root(top)


def make_hard_as_root(top: Path) -> None:
    """Add what only root can make."""
    # A capability as setcap(8) writes it: version 2, cap_net_bind_service, permitted and effective.
    os.setxattr(top / "plain", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    os.setxattr(top / "plain", "trusted.teleport", b"root only")
    os.chown(top / "empty", 3_000_000_000, 2_500_000)
    os.chown(top / "dangling", 7, 8, follow_symlinks=False)
    os.chown(top / "setuid", 7, 8)
    os.chmod(top / "setuid", 0o6755)
    os.mkdir(top / "closed")
    (top / "closed" / "inside").write_text("x")
    os.chmod(top / "closed", 0)


def add_what_is_left_out(top: Path) -> None:
    """Add a named pipe and a socket, which may block a process that opens them."""
    os.mkfifo(top / "pipe")
    here = os.getcwd()
    os.chdir(top)  # the path of a socket has at most 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
    finally:
        os.chdir(here)


def contents(top: Path, *, nanoseconds: bool = True) -> dict[bytes, Any]:
    """Return all there is to know of each name under `top`, but for sockets and pipes."""
    found: dict[bytes, Any] = {}
    raw = os.fsencode(top)
    todo = [raw]
    while todo:
        path = todo.pop()
        facts = os.lstat(path)
        if stat.S_ISSOCK(facts.st_mode) or stat.S_ISFIFO(facts.st_mode):
            continue
        extended = {
            name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
        }
        time = facts.st_mtime_ns if nanoseconds else facts.st_mtime_ns // 10**9
        known = [oct(facts.st_mode), facts.st_uid, facts.st_gid, time, extended]
        if stat.S_ISDIR(facts.st_mode):
            todo += [os.path.join(path, name) for name in os.listdir(path)]
        elif stat.S_ISLNK(facts.st_mode):
            known.append(os.readlink(path))
        else:
            known += [facts.st_size, facts.st_nlink, digest(path)]
        found[path[len(raw) :]] = known
    return found


def digest(path: bytes | Path) -> str:
    """Return the SHA-256 of a file."""
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(MEBIBYTE):
            whole.update(part)
    return whole.hexdigest()


def bytes_on_disk(top: Path) -> int:
    """Return what the regular files under `top` take on the disk."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
    every = [os.lstat(path) for path in paths]
    return sum(facts.st_blocks * 512 for facts in every if stat.S_ISREG(facts.st_mode))
