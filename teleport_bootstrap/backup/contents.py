"""The files of this host that go into a backup; `data_directory` has the details for Teleport's data.

/etc/teleport.yaml, /etc/teleport.d, /etc/default/teleport     the configuration of Teleport and this agent
/etc/letsencrypt                                               with its links as links
/etc/systemd/system/teleport*.d/*.conf                         drop-ins of our units
the files that teleport.yaml names elsewhere                   keys, certificates, licenses
/var/lib/teleport                                              and other data directories that teleport.yaml names
/var/lib/teleport-bootstrap                                    generations, the current one, the units' environment
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Callable, Mapping
from functools import partial

from teleport_bootstrap import errors, paths, records
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup import storage
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock, directory
from teleport_bootstrap.plan import named_files
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import generations

_FILES = (paths.TELEPORT_YAML, paths.TELEPORT_DEFAULTS)
_DIRECTORIES = (paths.CONF_DIRECTORY, paths.LETSENCRYPT)

# Files of the agent's state. The rest is locks, the journal of a change, results of jobs and cached metadata: they mean
# nothing on another instance.
_STATE_FILES = (paths.CURRENT, paths.UNIT_ENVIRONMENT)

_TAR_BLOCK = 512


@dataclass(frozen=True)
class Layout:
    """The places to back up, found before anything is read.

    `small` are the trees of /etc and single files, `data` the directories of Teleport's data, as paths on the instance.
    `named` are the files among `small` that teleport.yaml names elsewhere. `notes` say which of them are not there, and
    `missing` what is there and cannot be read.
    """

    small: tuple[interface.Tree, ...]
    data: tuple[str, ...]
    named: tuple[str, ...]
    notes: tuple[str, ...]
    missing: tuple[interface.Note, ...] = ()


def layout(root: paths.Root, document: Mapping[str, Any]) -> Layout:
    """Return the places on this host; `document` is the parsed teleport.yaml.

    Raises FileTrouble where one of the places is a symbolic link, a file instead of a directory, or the reverse.
    """
    data = storage.directories(document)
    notes: list[str] = []
    missing: list[interface.Note] = []
    for path in (*_DIRECTORIES, *data, paths.STATE):
        _require(root, path, stat.S_ISDIR, "a directory")
    for path in _FILES:
        _require(root, path, stat.S_ISREG, "a regular file")
    small = [interface.Tree(path) for path in _FILES]
    small += [interface.Tree(path, hostile=_is_foreign(root, path), choose=_choose_kept) for path in _DIRECTORIES]
    small += [interface.Tree(path, choose=partial(_choose_drop_in, path)) for path in _drop_ins(root, missing)]
    trees = [*(tree.path for tree in small), *data, paths.STATE]
    named = _files_named_elsewhere(root, document, trees, notes, missing)
    small += [interface.Tree(path) for path in named]
    return Layout(tuple(small), data, named, tuple(notes), tuple(missing))


class State:
    """The agent's state at one moment: call `read` under the lock, and archive `tree` later."""

    def __init__(self, root: paths.Root) -> None:
        self._root = root
        self._contents: dict[str, bytes] = {}
        self._unreadable: dict[str, str] = {}
        self._numbers: frozenset[int] = frozenset()

    def read(self) -> None:
        """Remember the current state, and what of it cannot be read."""
        self._numbers = frozenset(generations.numbers(self._root))
        for path in _STATE_FILES:
            try:
                found = directory.read(self._root, path)
            except OSError as error:
                self._unreadable[path] = f"cannot be read: {error.strerror}"
                continue
            if found is not None:
                self._contents[path] = found.content

    @property
    def tree(self) -> interface.Tree:
        """The files of the state that are archived."""
        return interface.Tree(paths.STATE, choose=self._choose)

    def _choose(self, path: str, facts: os.stat_result) -> interface.Choice:  # noqa: ARG002 - a Tree passes it
        if path in self._contents:
            return interface.Instead(partial(_in_memory, self._contents[path]))
        if path in self._unreadable:
            return interface.Leave(self._unreadable[path], missing=True)
        if path in (paths.STATE, paths.GENERATIONS):
            return interface.TAKE
        # A generation never changes once it has its number.
        below = path[len(paths.GENERATIONS) + 1 :] if storage.is_in(path, paths.GENERATIONS) else ""
        number = below.partition("/")[0]
        return interface.TAKE if number.isdecimal() and int(number) in self._numbers else interface.Leave()


def estimate(root: paths.Root, found: Layout, *, seconds: float = 5.0) -> int | None:
    """Return about how many bytes the uncompressed backup has; None where counting takes longer than `seconds`."""
    end = clock.SYSTEM.monotonic() + seconds
    size = 0
    waiting = [root.path(path) for path in (*(tree.path for tree in found.small), *found.data, paths.GENERATIONS)]
    while waiting:
        path = waiting.pop()
        try:
            facts = os.lstat(path)
            data = min(facts.st_size, facts.st_blocks * 512)
            size += _TAR_BLOCK + (-(-data // _TAR_BLOCK) * _TAR_BLOCK if stat.S_ISREG(facts.st_mode) else 0)
            if stat.S_ISDIR(facts.st_mode):
                waiting += [os.path.join(path, name) for name in os.listdir(path)]
        except OSError:
            continue
        if clock.SYSTEM.monotonic() > end:
            return None
    return size


def with_callback(tree: interface.Tree, begins: Callable[[], None]) -> interface.Tree:
    """Return `tree`, with `begins` called before its first file is chosen."""
    has_begun = False

    def choose(path: str, facts: os.stat_result) -> interface.Choice:
        nonlocal has_begun
        if not has_begun:
            begins()
            has_begun = True
        return tree.choose(path, facts)

    return records.replace(tree, choose=choose)


def _in_memory(content: bytes) -> int:
    descriptor = os.memfd_create("teleport-bootstrap-backup", os.MFD_CLOEXEC)
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _choose_kept(path: str, facts: os.stat_result) -> interface.Choice:  # noqa: ARG001 - a Tree passes it
    name = os.path.basename(path)
    is_temporary = name.startswith(".") and name.endswith((directory.STAGED, directory.KEPT))
    return interface.Leave() if is_temporary or name == ".certbot.lock" else interface.TAKE


def _choose_drop_in(top: str, path: str, facts: os.stat_result) -> interface.Choice:  # noqa: ARG001 - a Tree passes it
    return interface.TAKE if path == top or path.endswith(".conf") else interface.Leave()


def _drop_ins(root: paths.Root, missing: list[interface.Note]) -> list[str]:
    try:
        names = sorted(os.listdir(root.path(paths.SYSTEMD)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        missing.append(interface.Note(paths.SYSTEMD.lstrip("/"), f"cannot be read: {error.strerror}", missing=True))
        return []
    found = [f"{paths.SYSTEMD}/{name}" for name in names if fnmatch.fnmatchcase(name, "teleport*.d")]
    for path in found:
        _require(root, path, stat.S_ISDIR, "a directory")
    return found


def _files_named_elsewhere(
    root: paths.Root, document: Mapping[str, Any], trees: list[str], notes: list[str], missing: list[interface.Note]
) -> tuple[str, ...]:
    """Return the files that `document` names and that are in none of `trees`.

    Add to `notes` which do not exist or are not regular files, and to `missing` those that cannot be read.
    """
    found: list[str] = []
    for name in named_files.paths_in(document):
        path = "/" + os.path.normpath(name).lstrip("/")
        real = _real(root, path)
        if real is None:
            notes.append(f"{path}, which teleport.yaml names, is not in the backup: it leads out of {root.directory}")
            continue
        if real != path and not any(storage.is_in(path, tree) for tree in trees):
            notes.append(f"{path}, which teleport.yaml names, is a link to {real}: the backup has that file, not it")
            path = real
        if path in found or any(storage.is_in(path, tree) for tree in trees):
            continue
        try:
            mode = os.lstat(root.path(path)).st_mode
        except (FileNotFoundError, NotADirectoryError) as error:
            notes.append(f"{path}, which teleport.yaml names, is not in the backup: {error.strerror}")
            continue
        except OSError as error:
            why = f"cannot be read, and teleport.yaml names it: {error.strerror}"
            missing.append(interface.Note(path.lstrip("/"), why, missing=True))
            continue
        if stat.S_ISREG(mode):
            found.append(path)
        else:
            notes.append(f"{path}, which teleport.yaml names, is not in the backup: it is not a regular file")
    return tuple(found)


def _real(root: paths.Root, path: str) -> str | None:
    """Return the target of `path`, as the instance sees it; None where that is outside of the root directory."""
    top = os.path.realpath(root.directory)
    real = os.path.realpath(root.path(path))
    if top == "/":
        return real
    return real[len(top) :] if storage.is_in(real, top) else None


def _is_foreign(root: paths.Root, path: str) -> bool:
    """Return whether another account than root can change the contents of `path`."""
    try:
        facts = os.lstat(root.path(path))
    except OSError:
        return False
    return facts.st_uid not in (0, os.geteuid()) or bool(facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _require(root: paths.Root, path: str, fits: Callable[[int], bool], kind: str) -> None:
    shown = root.path(path)
    try:
        mode = os.lstat(shown).st_mode
    except FileNotFoundError:
        return
    except OSError:
        return  # packing names it as missing
    if stat.S_ISLNK(mode):
        raise errors.FileTrouble(
            f"{shown} is a symbolic link, which another account could have put there; backups do not follow it",
            hint=f"Replace it by {kind}. Instead of a link to a volume, use a bind mount: "
            f"`mount --bind {_target(shown)} {shown}`, and the same in /etc/fstab.",
        )
    if not fits(mode):
        raise errors.FileTrouble(f"{shown} is not {kind}", hint=f"Find out what created it, and replace it by {kind}.")


def _target(link: str) -> str:
    try:
        text = os.path.join(os.path.dirname(link), os.readlink(link))
    except OSError:
        return "DIRECTORY"
    return text if text.isprintable() and " " not in text else "DIRECTORY"
