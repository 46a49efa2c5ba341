"""A tree of files as a value: taken from a directory, written to one, and compared."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE, DIRECTORY, LINK = "file", "directory", "link"


@dataclass(frozen=True)
class Node:
    """What is at a path: `mode` are permission bits, `content` is a file's content or a link's target."""

    kind: str
    mode: int
    uid: int
    gid: int
    content: bytes = b""


# Nodes by their path relative to the root, which is "".
Tree = Mapping[str, Node]


def node(path: str | Path) -> Node:
    """Return what is at `path`."""
    facts = os.lstat(path)
    mode = stat.S_IMODE(facts.st_mode)
    if stat.S_ISDIR(facts.st_mode):
        return Node(DIRECTORY, mode, facts.st_uid, facts.st_gid)
    if stat.S_ISLNK(facts.st_mode):
        return Node(LINK, 0o777, facts.st_uid, facts.st_gid, os.readlink(os.fsencode(path)))
    if not stat.S_ISREG(facts.st_mode):
        raise ValueError(f"{path} is neither a file, a directory nor a link")
    return Node(FILE, mode, facts.st_uid, facts.st_gid, Path(path).read_bytes())


def read(root: Path) -> dict[str, Node]:
    """Return the tree below `root`, with `root` itself as ""."""
    found = {"": node(root)}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = node(path)
    return found


def write(tree: Tree, root: Path, *, modified: Mapping[str, int] | None = None) -> None:
    """Make `root` this tree, in place of what is there; `modified` are times of files in ns since 1970."""
    shutil.rmtree(root, ignore_errors=True)
    is_root = os.geteuid() == 0
    folders = sorted((path for path, each in tree.items() if each.kind == DIRECTORY), key=len)
    for path in folders:
        os.mkdir(root / path, 0o700)
    for path, each in tree.items():
        target = root / path
        if each.kind == LINK:
            os.symlink(each.content, os.fsencode(target))
        elif each.kind == FILE:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(descriptor, each.content)
                if is_root and (each.uid, each.gid) != (0, 0):
                    os.fchown(descriptor, each.uid, each.gid)
                os.fchmod(descriptor, each.mode)
                if modified and path in modified:
                    os.utime(descriptor, ns=(modified[path], modified[path]))
            finally:
                os.close(descriptor)
    for path in reversed(folders):
        if is_root:
            os.chown(root / path, tree[path].uid, tree[path].gid)
        os.chmod(root / path, tree[path].mode)


def differing(one: Tree, other: Tree) -> list[str]:
    """Return the paths that differ."""
    return sorted(path for path in {*one, *other} if one.get(path) != other.get(path))
