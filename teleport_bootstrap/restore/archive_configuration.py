"""The part of an archive that decides: configuration and generations, unpacked where nobody else can look."""

from __future__ import annotations

import contextlib
import os
import posixpath
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface, unpack
from teleport_bootstrap.backup import storage
from teleport_bootstrap.conf import conf_file as confs
from teleport_bootstrap.host import directory, trouble
from teleport_bootstrap.plan import named_files
from teleport_bootstrap.plan import overrides as override_files
from teleport_bootstrap.restore import places
from teleport_bootstrap.state import current, generations


@dataclass(frozen=True)
class Outline:
    """What an archive holds, by the absolute paths of its members, as far as it matters for the decision.

    `trees` are the directories that are exchanged as a whole, with the bytes and the number of files that they take;
    `data` those of them that hold Teleport's data, and `owners` whom what is in these belongs to. `named` are files
    elsewhere, which teleport.yaml names. `without_holes` is what all of it takes at most, sparse files as they are.
    """

    trees: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    data: tuple[str, ...] = (paths.DATA,)
    owners: frozenset[str] = frozenset()
    named: Mapping[str, interface.Entry] = field(default_factory=dict)
    without_holes: int | None = None
    _present: frozenset[str] = frozenset()

    def has(self, path: str) -> bool:
        """Whether the archive holds `path`; of the data directory's, only what lies not too deep is known."""
        return path in self._present


def outline(verified: interface.Verified, document: Mapping[str, Any]) -> Outline:
    """Return what is in `verified`, whose teleport.yaml is `document`.

    Raises ArchiveUnsafe where that is what no backup of ours holds: `document` decides what is exchanged as a whole,
    and which files are written elsewhere, and it comes from whoever made the archive.
    """
    data = storage.directories(document)
    for path in data:
        if not places.is_place_for_data(path):
            raise errors.ArchiveUnsafe(
                f"the teleport.yaml in {verified.name} has its data in {interface.shown(path)}, which belongs to the "
                "system, and would be exchanged as a whole",
                hint="Ask where the archive comes from. Nothing was changed.",
            )
    trees = (*data, *(each for each in places.TREES if each != paths.DATA))
    taken: dict[str, tuple[int, int]] = {}
    owners, present, named = set(), set(), {}
    for entry in verified.entries():
        path = f"/{entry.path}"
        tree = places.tree_of(path, trees)
        if tree is None and not places.is_ours(path):
            named[path] = entry
        if tree is not None:
            _require_directory(verified, tree, path, entry)
            size, count = taken.get(tree, (0, 0))
            taken[tree] = (size + _takes(entry), count + 1)
        if tree in data:
            owners.add(entry.owner)
        if tree not in data or path.count("/") <= _DEEPEST:
            present.add(path)
    _require_named_all(verified, named, document)
    most = verified.totals.data + _BLOCK * verified.totals.entries
    return Outline(taken, tuple(data), frozenset(owners), named, most, frozenset(present))


def _require_directory(verified: interface.Verified, tree: str, path: str, entry: interface.Entry) -> None:
    if path == tree and entry.kind != interface.DIRECTORY:
        raise errors.ArchiveUnsafe(
            f"{verified.name} holds {path} as a {entry.kind}, and a directory was expected",
            hint="No backup of ours holds it so: ask where the archive comes from. Nothing was changed.",
        )


def _require_named_all(
    verified: interface.Verified, named: Mapping[str, interface.Entry], document: Mapping[str, Any]
) -> None:
    said = {"/" + posixpath.normpath(path).lstrip("/") for path in named_files.paths_in(document)}
    # A backup holds what a link leads to, and not the link: then the name that teleport.yaml has is not in it.
    has_links = any(path not in named and not places.is_ours(path) for path in said)
    for path, entry in named.items():
        trouble = ""
        if places.is_systems(path) or len(named) > places.MOST_NAMED:
            trouble = "which is no place for a file of Teleport's"
        elif entry.kind != interface.FILE:
            trouble = f"which is a {entry.kind}, and only files were expected there"
        elif entry.size > places.LARGEST_NAMED:
            trouble = f"which has {entry.size} bytes, more than any key, certificate or license"
        elif path not in said and not has_links:
            trouble = "and the teleport.yaml in it names no such file"
        if trouble:
            raise errors.ArchiveUnsafe(
                f"{verified.name} holds {interface.shown(path)}, {trouble}",
                hint="No backup of ours holds it: ask where the archive comes from. Nothing was changed.",
            )


_DEEPEST = 6
_BLOCK = 4096


def _takes(entry: interface.Entry) -> int:
    """Return how much of a disk an entry takes at most; a sparse file may take less."""
    if entry.superseded:
        return 0
    return (entry.size + _BLOCK - 1) // _BLOCK * _BLOCK if entry.kind == interface.FILE else _BLOCK


@dataclass(frozen=True)
class Contents:
    """The deciding part, as a root of its own; `name` is the archive's, for messages."""

    name: str
    root: paths.Root

    def conf(self) -> bytes | None:
        """Return the conf, None without one."""
        return self._read(paths.CONF)

    def settings(self) -> confs.Conf | None:
        """Return the conf, judged by itself; raises ConfInvalid."""
        data = self.conf()
        return None if data is None else confs.load(data, f"{self.name}:{paths.CONF}")

    def overrides(self) -> tuple[override_files.Override, ...]:
        """Return the override files in the order of merging."""
        names = sorted(_names(self.root.path(paths.OVERRIDES)))
        chosen, _ = override_files.chosen(names)
        found = ((name, self._read(f"{paths.OVERRIDES}/{name}")) for name in chosen)
        return tuple(
            override_files.Override(f"{self.name}:{paths.OVERRIDES}/{name}", content)
            for name, content in found
            if content is not None
        )

    def teleport_yaml(self) -> bytes | None:
        """Return teleport.yaml, None without one."""
        return self._read(paths.TELEPORT_YAML)

    def generation(self) -> generations.Generation | None:
        """Return what was applied last on the old host, None where that is not known."""
        now = self.current()
        try:
            return None if now is None else generations.load(self.root, now.generation)
        except errors.GenerationMissing:
            return None

    def current(self) -> current.Current | None:
        """Return which generation the old host was in, None where that is not known."""
        try:
            return current.FILE.read(self.root)
        except errors.FileTrouble:
            return None

    def markers(self) -> list[str]:
        """Return the names in /etc/teleport.d, among which the role markers are."""
        return _names(self.root.path(paths.CONF_DIRECTORY))

    def merged_files(self, *, with_environment: bool = False) -> dict[str, bytes]:
        """Return, by path, the files that join those of this host: drop-ins of units, and Teleport's environment.

        With `with_environment` also what this agent tells the units, where nothing is planned anew.
        """
        found = {}
        for unit in sorted(_names(self.root.path(paths.SYSTEMD))):
            for name in sorted(_names(self.root.path(f"{paths.SYSTEMD}/{unit}"))):
                path = f"{paths.SYSTEMD}/{unit}/{name}"
                content = self._read(path) if places.is_drop_in(path) else None
                if content is not None:
                    found[path] = content
        for path in (paths.TELEPORT_DEFAULTS, *([paths.UNIT_ENVIRONMENT] if with_environment else [])):
            content = self._read(path)
            if content is not None:
                found[path] = content
        return found

    def named_file(self, path: str) -> bytes | None:
        """Return what the file `path` elsewhere holds, None where it is not known."""
        return self._read(path)

    def _read(self, path: str) -> bytes | None:
        found = directory.read(self.root, path)
        return None if found is None else found.content


@contextlib.contextmanager
def unpacked(source: interface.Source, verified: interface.Verified) -> Iterator[Contents]:
    """Have the deciding part of a verified archive in a private directory while the body runs.

    Raises what unpack raises, and ArchiveUnsafe where it is larger than it can be.
    """
    chosen, size = _deciding(verified)
    if size > places.MOST_READ:
        raise errors.ArchiveUnsafe(
            f"{verified.name} has {size} bytes of configuration, and a backup of ours has a few thousand",
            hint="Ask where the archive comes from. Nothing was changed.",
        )
    with trouble.at(tempfile.gettempdir()):
        scratch = tempfile.TemporaryDirectory(prefix="teleport-bootstrap-restore-")
    with scratch as top:
        contents = Contents(verified.name, paths.Root(top))
        _add(contents, source, verified, chosen)
        yield contents


def add_named(contents: Contents, source: interface.Source, verified: interface.Verified, outlined: Outline) -> None:
    """Have the files elsewhere, too, which only teleport.yaml could tell from data. Raises what unpack raises."""
    _add(contents, source, verified, list(outlined.named))


class Keeping:
    """Says which files verify is to keep: those that decide, and small ones elsewhere, as far as there is room."""

    def __init__(self) -> None:
        self._bytes = 0
        self._elsewhere = 0

    def __call__(self, path: str, size: int) -> bool:
        """Whether to keep the file `path` of the archive, of `size` bytes."""
        absolute = f"/{path}"
        if not places.is_read(absolute):
            if places.is_ours(absolute) or size > places.LARGEST_NAMED or self._elsewhere >= places.MOST_NAMED:
                return False
            self._elsewhere += 1
        self._bytes += size
        return self._bytes <= places.MOST_READ


def _add(contents: Contents, source: interface.Source, verified: interface.Verified, chosen: list[str]) -> None:
    """Have what is in `chosen`: from memory, or where something of it was not kept, by reading the archive again."""
    if not chosen:
        return
    root = contents.root
    files = _kept(verified, chosen)
    if files is not None:
        with trouble.at(root.directory):
            for path, content in files.items():
                target = root.path(path)
                os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
                with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(content)
        return
    into = {path: root.path(path) for path in chosen}
    with trouble.at(root.directory):
        for target in into.values():
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    unpack.unpack(source, verified, into, root=root)
    _take_over(root.directory)


def _kept(verified: interface.Verified, chosen: list[str]) -> dict[str, bytes] | None:
    """Return the files in `chosen` by path, None where something of it is not in memory."""
    found = {}
    for entry in verified.entries():
        path = f"/{entry.path}"
        if path in chosen and entry.kind not in (interface.FILE, interface.DIRECTORY):
            return None  # which unpack refuses
        if places.tree_of(path, chosen) is None or entry.kind not in (interface.FILE, interface.HARDLINK):
            continue
        content = verified.kept.get(entry.path if entry.kind == interface.FILE else entry.link)
        if content is None:
            return None
        found[path] = content
    return found


def _deciding(verified: interface.Verified) -> tuple[list[str], int]:
    """Return the tops of what is read before anything is decided, and how many bytes that is."""
    tops: dict[str, None] = {}
    size = 0
    for entry in verified.entries():
        path = f"/{entry.path}"
        top = places.tree_of(path, places.READ)
        if top == paths.SYSTEMD:
            top = "/".join(path.split("/")[:5]) if places.is_drop_in(path) else None
        if top is not None:
            tops[top] = None
            size += entry.size
    return list(tops), size


def _take_over(top: str) -> None:
    """Give everything to ourselves alone, whatever owner and mode the archive gave it: nobody else is to look."""
    for folder, folders, files in os.walk(top):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            if stat.S_ISLNK(facts.st_mode):
                # This agent follows none in these places, and neither is it to lead anywhere here.
                os.unlink(path)
                continue
            if os.geteuid() == 0:
                os.chown(path, 0, 0)
            os.chmod(path, 0o700 if stat.S_ISDIR(facts.st_mode) else 0o600)


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
