"""The operations of a command on the files below a root, rebuilt from its system calls.

Paths are resolved in a copy of the tree that follows the calls one by one; at its end that copy must be the tree on the
disk, byte for byte, or the log is refused. Times and extended attributes are not followed.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

from tests.simulated.power_loss import trace
from tests.simulated.power_loss import tree as trees

ROOT = 0


@dataclass(frozen=True)
class Data:
    """The file `inode` has this whole content from now on."""

    inode: int
    content: bytes


@dataclass(frozen=True)
class Attributes:
    """The inode has these mode and owner from now on."""

    inode: int
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class Entry:
    """A name in a directory leads to `inode` from now on, None for nothing."""

    directory: int
    name: str
    inode: Optional[int]


@dataclass(frozen=True)
class Names:
    """Names that change as one step: one for a new or a removed name, two for a rename."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Sync:
    """What this inode holds is on the disk: content and attributes, names in a directory. None: of all inodes."""

    inode: Optional[int]


Operation = Union[Data, Attributes, Names, Sync]


@dataclass
class Inode:
    """An inode as it is at the beginning, or as it was made."""

    kind: str
    mode: int
    uid: int
    gid: int
    content: bytes = b""


@dataclass
class Log:
    """Inodes by number, the names at the beginning, and the operations, each with words for people."""

    inodes: dict[int, Inode] = field(default_factory=dict)
    names: dict[tuple[int, str], int] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def of_tree(root: Path) -> tuple[Log, dict[int, int]]:
    """Return the log of a command that has not begun, and our numbers of the inodes on the disk."""
    log, numbers = Log(), {}

    def number(path: str) -> int:
        facts = os.lstat(path)
        if facts.st_ino not in numbers:
            numbers[facts.st_ino] = len(numbers)
            log.inodes[numbers[facts.st_ino]] = Inode(**dataclasses.asdict(trees.node(path)))
        return numbers[facts.st_ino]

    assert number(str(root)) == ROOT
    for folder, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            log.names[number(folder), name] = number(os.path.join(folder, name))
    return log, numbers


def record(before: Log, root: Path, calls: Iterable[trace.Call]) -> Log:
    """Return `before` with the operations of these calls below `root`, which is what they have made of it."""
    recorder = _Recorder(before, str(root))
    for call in calls:
        recorder.follow(call)
    replayed, real = recorder.tree(), trees.read(root)
    if replayed != real:
        raise AssertionError(f"the trace does not lead to what is on the disk: {trees.differing(replayed, real)}")
    return recorder.log


def tree(log: Log, names: dict[tuple[int, str], int], inodes: dict[int, Inode]) -> dict[str, trees.Node]:
    """Return the tree that these names and inodes are, from the root on."""
    below: dict[int, list[tuple[str, int]]] = {}
    for (folder, name), inode in names.items():
        below.setdefault(folder, []).append((name, inode))
    found = {}
    todo = [("", ROOT)]
    while todo:
        path, number = todo.pop()
        each = inodes.get(number) or log.inodes[number]
        found[path] = trees.Node(each.kind, each.mode, each.uid, each.gid, each.content)
        if each.kind == trees.DIRECTORY:
            todo += [(f"{path}/{name}".lstrip("/"), inode) for name, inode in below.get(number, ())]
    return found


class _Recorder:
    def __init__(self, before: Log, root: str) -> None:
        self.root = root
        self.log = Log(dict(before.inodes), dict(before.names))
        self._names = dict(before.names)
        self._inodes = {number: dataclasses.replace(each) for number, each in before.inodes.items()}
        self._positions: dict[int, int] = {}
        here = os.umask(0)
        os.umask(here)
        self._umask = here
        self._umasks: dict[int, int] = {}
        # By process: its working directory, as far as it was changed, and the root that it has by chroot.
        self._directories: dict[int, str] = {}
        self._roots: dict[int, str] = {}

    def tree(self) -> dict[str, trees.Node]:
        return tree(self.log, self._names, self._inodes)

    def follow(self, call: trace.Call) -> None:
        handler = getattr(self, f"call_{call.name}", None)
        if handler is None:
            raise AssertionError(f"the model does not know the system call {call.name}")
        handler(call)

    # --- paths ---

    def _at(self, path: Optional[str]) -> Optional[int]:
        """Return the inode at an absolute path, None outside of the root and where there is none."""
        if path is None or (path != self.root and not path.startswith(f"{self.root}/")):
            return None
        number, here = ROOT, self.root
        names = [name for name in path[len(self.root) :].split("/") if name not in ("", ".")]
        for index, name in enumerate(names):
            found = self._names.get((number, name))
            if found is None:
                return None
            if self._inodes[found].kind == trees.LINK and index < len(names) - 1:
                target = os.path.join(here, os.fsdecode(self._inodes[found].content))
                return self._at(os.path.normpath(os.path.join(target, *names[index + 1 :])))
            number, here = found, f"{here}/{name}"
        return number

    def _place(self, call: trace.Call, directory: str, name: str) -> Optional[tuple[int, str]]:
        """Return directory and name of what a call names, None outside of the root."""
        base, text = trace.path(directory), trace.text(name)
        if text.startswith("/"):
            base = self._roots.get(call.process, "/")
        elif base is None:
            return None  # in a directory that was removed
        path = os.path.normpath(os.path.join(base, text.lstrip("/")))
        parent = self._at(os.path.dirname(path))
        return None if parent is None else (parent, os.path.basename(path))

    def _descriptor(self, argument: str) -> Optional[int]:
        return self._at(trace.path(argument))

    def _path_of(self, number: int) -> str:
        for path, each in self._paths().items():
            if each == number:
                return f"/{path}"
        return "a file without a name"

    def _shown(self, directory: int, name: str) -> str:
        return os.path.join(self._path_of(directory), name)

    def _paths(self) -> dict[str, int]:
        found = {"": ROOT}
        todo = [("", ROOT)]
        while todo:
            path, number = todo.pop()
            for (folder, name), inode in self._names.items():
                if folder == number:
                    found[f"{path}/{name}".lstrip("/")] = inode
                    todo.append((f"{path}/{name}".lstrip("/"), inode))
        return found

    # --- operations ---

    def _do(self, operation: Operation, words: str) -> None:
        self.log.operations.append(operation)
        self.log.words.append(words)

    def _new(self, call: trace.Call, kind: str, mode: int, content: bytes = b"") -> int:
        number = len(self._inodes)
        mode = 0o777 if kind == trees.LINK else mode & ~self._umasks.get(call.process, self._umask)
        self._inodes[number] = Inode(kind, mode, os.geteuid(), os.getegid(), content)
        self.log.inodes[number] = dataclasses.replace(self._inodes[number])
        return number

    def _rename_all(self, *entries: Entry, words: str) -> None:
        for each in entries:
            if each.inode is None:
                self._names.pop((each.directory, each.name), None)
            else:
                self._names[each.directory, each.name] = each.inode
        self._do(Names(entries), words)

    def _set_data(self, number: int, content: bytes, words: str) -> None:
        self._inodes[number].content = content
        self._do(Data(number, content), f"{words} {self._path_of(number)}")

    def _set_attributes(self, number: Optional[int], *, mode: int = -1, uid: int = -1, gid: int = -1) -> None:
        if number is None:
            return
        here = self._inodes[number]
        before = (here.mode, here.uid, here.gid)
        if here.kind != trees.LINK and mode != -1:
            here.mode = mode
        here.uid = here.uid if uid == -1 else uid
        here.gid = here.gid if gid == -1 else gid
        # As the kernel does for a file that could run with rights of its owner.
        if here.kind == trees.FILE and mode == -1:
            here.mode &= ~(stat.S_ISUID | (stat.S_ISGID if here.mode & stat.S_IXGRP else 0))
        if before == (here.mode, here.uid, here.gid):
            return
        words = f"set mode {here.mode:04o} and owner {here.uid}:{here.gid} of {self._path_of(number)}"
        self._do(Attributes(number, here.mode, here.uid, here.gid), words)

    # --- system calls, by their names ---

    def call_umask(self, call: trace.Call) -> None:
        self._umasks[call.process] = self._umask = int(call.arguments[0], 8)

    def call_openat(self, call: trace.Call) -> None:
        _, _, flags, *mode = call.arguments
        # Where it has led to, through links.
        parent, name = os.path.split(call.opened or "")
        directory = self._at(parent)
        if directory is None:
            return
        if (directory, name) not in self._names and "O_CREAT" in flags:
            if "O_TMPFILE" in flags:
                raise AssertionError("the model does not know O_TMPFILE")
            number = self._new(call, trees.FILE, int(mode[0], 8))
            shown = (call.opened or "")[len(self.root) :]
            self._rename_all(Entry(directory, name, number), words=f"create {shown}")
        if (directory, name) not in self._names or "O_RDONLY" in flags:
            return
        number = self._names[directory, name]
        if self._inodes[number].kind != trees.FILE:
            return
        if "O_TRUNC" in flags and self._inodes[number].content:
            self._set_data(number, b"", "truncate")
        self._positions[number] = len(self._inodes[number].content) if "O_APPEND" in flags else 0

    def call_open(self, call: trace.Call) -> None:
        self.call_openat(dataclasses.replace(call, arguments=("AT_FDCWD<\\x2f>", *call.arguments)))

    def call_creat(self, call: trace.Call) -> None:
        raise AssertionError("the model does not know creat")

    call_openat2 = call_creat

    def call_write(self, call: trace.Call) -> None:
        number = self._descriptor(call.arguments[0])
        if number is None or self._inodes[number].kind != trees.FILE:
            return
        position = self._positions.get(number, 0)
        self._write_at(number, trace.data(call.arguments[1])[: call.result], position)
        self._positions[number] = position + call.result

    call_writev = call_write

    def call_pwrite64(self, call: trace.Call) -> None:
        number = self._descriptor(call.arguments[0])
        if number is not None:
            self._write_at(number, trace.data(call.arguments[1])[: call.result], int(call.arguments[3]))

    def call_pwritev(self, call: trace.Call) -> None:
        self.call_pwrite64(call)

    call_pwritev2 = call_pwritev

    def _write_at(self, number: int, data: bytes, position: int) -> None:
        old = self._inodes[number].content.ljust(position, b"\0")
        self._set_data(number, old[:position] + data + old[position + len(data) :], f"write {len(data)} bytes to")

    def call_lseek(self, call: trace.Call) -> None:
        number = self._descriptor(call.arguments[0])
        if number is not None:
            self._positions[number] = call.result

    def call_ftruncate(self, call: trace.Call) -> None:
        number = self._descriptor(call.arguments[0])
        size = int(call.arguments[1])
        if number is not None and len(self._inodes[number].content) != size:
            self._set_data(number, self._inodes[number].content[:size].ljust(size, b"\0"), "truncate")

    def call_copied(self, call: trace.Call) -> None:
        target = call.arguments[0] if call.name == "sendfile" else call.arguments[2]
        if self._descriptor(target) is not None:
            raise AssertionError(f"the model does not know {call.name} to a file")

    call_sendfile = call_copy_file_range = call_splice = call_copied

    def call_fallocate(self, call: trace.Call) -> None:
        number = self._descriptor(call.arguments[0])
        if number is not None and "KEEP_SIZE" not in call.arguments[1]:
            raise AssertionError("the model does not know fallocate")

    def call_truncate(self, call: trace.Call) -> None:
        if self._place(call, "AT_FDCWD<\\x2f>", call.arguments[0]) is not None:
            raise AssertionError("the model does not know truncate")

    call_mknod = call_truncate

    def call_mknodat(self, call: trace.Call) -> None:
        if self._place(call, *call.arguments[:2]) is not None:
            raise AssertionError("the model does not know mknodat")

    def call_renameat(self, call: trace.Call) -> None:
        old, new = self._place(call, *call.arguments[:2]), self._place(call, *call.arguments[2:4])
        if old is None and new is None:
            return
        if old is None or new is None:
            raise AssertionError(f"a rename into the root, or out of it: {call}")
        moved, replaced = self._names[old], self._names.get(new)
        words = f"rename {self._shown(*old)} to {self._shown(*new)}"
        if moved == replaced:
            return  # two names of one file: it does nothing
        exchanges = len(call.arguments) > 4 and "RENAME_EXCHANGE" in call.arguments[4]
        self._rename_all(Entry(*old, replaced if exchanges else None), Entry(*new, moved), words=words)

    call_renameat2 = call_renameat

    def call_rename(self, call: trace.Call) -> None:
        old, new = call.arguments
        here = self._here(call)
        self.call_renameat(dataclasses.replace(call, arguments=(here, old, here, new)))

    def call_linkat(self, call: trace.Call) -> None:
        old, new = self._place(call, *call.arguments[:2]), self._place(call, *call.arguments[2:4])
        if new is None:
            return
        assert old is not None, call
        self._rename_all(Entry(*new, self._names[old]), words=f"link {old[1]} as {self._shown(*new)}")

    def call_link(self, call: trace.Call) -> None:
        here = self._here(call)
        self.call_linkat(dataclasses.replace(call, arguments=(here, call.arguments[0], here, call.arguments[1])))

    def call_unlinkat(self, call: trace.Call) -> None:
        place = self._place(call, *call.arguments[:2])
        if place is not None:
            self._rename_all(Entry(*place, None), words=f"remove {self._shown(*place)}")

    def call_unlink(self, call: trace.Call) -> None:
        self.call_unlinkat(dataclasses.replace(call, arguments=(self._here(call), *call.arguments)))

    call_rmdir = call_unlink

    def call_mkdirat(self, call: trace.Call) -> None:
        place = self._place(call, *call.arguments[:2])
        if place is not None:
            number = self._new(call, trees.DIRECTORY, int(call.arguments[2], 8))
            self._rename_all(Entry(*place, number), words=f"make {self._shown(*place)}")

    def call_mkdir(self, call: trace.Call) -> None:
        self.call_mkdirat(dataclasses.replace(call, arguments=(self._here(call), *call.arguments)))

    def call_symlinkat(self, call: trace.Call) -> None:
        place = self._place(call, *call.arguments[1:3])
        if place is not None:
            number = self._new(call, trees.LINK, 0o777, trace.data(call.arguments[0]))
            self._rename_all(Entry(*place, number), words=f"link {self._shown(*place)} symbolically")

    def call_symlink(self, call: trace.Call) -> None:
        target, name = call.arguments
        self.call_symlinkat(dataclasses.replace(call, arguments=(target, self._here(call), name)))

    def call_fchmodat(self, call: trace.Call) -> None:
        place = self._place(call, *call.arguments[:2])
        if place is not None:
            self._set_attributes(self._names[place], mode=int(call.arguments[2], 8))

    call_fchmodat2 = call_fchmodat

    def call_chmod(self, call: trace.Call) -> None:
        self.call_fchmodat(dataclasses.replace(call, arguments=(self._here(call), *call.arguments)))

    def call_fchmod(self, call: trace.Call) -> None:
        self._set_attributes(self._descriptor(call.arguments[0]), mode=int(call.arguments[1], 8))

    def call_fchownat(self, call: trace.Call) -> None:
        place = self._place(call, *call.arguments[:2])
        if place is not None:
            self._set_attributes(self._names[place], uid=_id(call.arguments[2]), gid=_id(call.arguments[3]))

    def call_chown(self, call: trace.Call) -> None:
        self.call_fchownat(dataclasses.replace(call, arguments=(self._here(call), *call.arguments)))

    call_lchown = call_chown

    def call_fchown(self, call: trace.Call) -> None:
        number = self._descriptor(call.arguments[0])
        self._set_attributes(number, uid=_id(call.arguments[1]), gid=_id(call.arguments[2]))

    def call_chdir(self, call: trace.Call) -> None:
        here = self._directories.get(call.process, "")
        self._directories[call.process] = os.path.normpath(os.path.join(here, trace.text(call.arguments[0])))

    def call_fchdir(self, call: trace.Call) -> None:
        self._directories[call.process] = trace.path(call.arguments[0]) or ""

    def call_chroot(self, call: trace.Call) -> None:
        here = self._directories.get(call.process, "")
        self._roots[call.process] = os.path.normpath(os.path.join(here, trace.text(call.arguments[0])))

    def call_fsync(self, call: trace.Call) -> None:
        number = self._descriptor(call.arguments[0])
        if number is not None:
            self._do(Sync(number), f"fsync {self._path_of(number)}")

    call_fdatasync = call_fsync

    def call_syncfs(self, call: trace.Call) -> None:
        # All of a root is on one file system.
        if self._descriptor(call.arguments[0]) is not None:
            self._do(Sync(None), "sync the file system")

    def call_sync(self, call: trace.Call) -> None:
        self._do(Sync(None), "sync everything")

    def _here(self, call: trace.Call) -> str:
        """Return the working directory, as far as a relative path needs it: strace does not show it in these calls."""
        for each in call.arguments:
            if '"' in each and not trace.text(each).startswith("/") and call.name != "symlink":
                raise AssertionError(f"the model does not know relative paths in {call.name}: {trace.text(each)}")
        return "AT_FDCWD<\\x2f>"


def _id(argument: str) -> int:
    return -1 if argument in ("-1", "4294967295") else int(argument)
