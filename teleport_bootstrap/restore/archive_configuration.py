"""Reads the configuration and generations of an archive in a private directory, to judge and plan a restore."""

from __future__ import annotations

import contextlib
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup import storage
from teleport_bootstrap.conf import conf_file as confs
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import directory, scratch
from teleport_bootstrap.plan import named_files
from teleport_bootstrap.plan import overrides as override_files
from teleport_bootstrap.records import dataclass, field
from teleport_bootstrap.restore import places
from teleport_bootstrap.state import current, generations


@dataclass(frozen=True)
class Outline:
    """What an archive holds, by absolute path, as far as a restore must know before it begins.

    `trees` maps each directory that is replaced as a whole to its bytes and number of entries. `data` lists those that
    hold Teleport's data, `owners` the owners of their files. `named` are files elsewhere that teleport.yaml names.
    `without_holes` is the largest size of everything when sparse files stay sparse. Where it `is_partial`, only the
    configuration was read yet, and the data takes `at_least` so many bytes.
    """

    trees: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    data: tuple[str, ...] = (paths.DATA,)
    owners: frozenset[str] = frozenset()
    named: Mapping[str, interface.Entry] = field(default_factory=dict)
    without_holes: int | None = None
    is_partial: bool = False
    at_least: int = 0
    _present: frozenset[str] = frozenset()

    def has(self, path: str) -> bool:
        """Whether the archive holds `path`, or may hold it; deep paths in the data directory are not recorded."""
        return path in self._present or (self.is_partial and not path.startswith("/etc/"))


# A compressed archive is seldom larger than what it holds, and hardly ever by more than this.
_OF_ITS_SIZE = 0.9


def of_header(size: int, data: tuple[str, ...]) -> Outline:
    """Return what is known of an archive of `size` bytes by the directories in its header that hold data."""
    trees = {**dict.fromkeys(data, (0, 0)), paths.CONF_DIRECTORY: (0, 0)}
    return Outline(trees, data, is_partial=True, at_least=int(_OF_ITS_SIZE * size))


def outline(verified: interface.Verified, document: Mapping[str, Any], *, is_partial: bool = False) -> Outline:
    """Return what is in `verified`, whose teleport.yaml is `document`.

    Raises ArchiveUnsafe for content that this agent never archives: `document` controls which directories are replaced
    and which files are written elsewhere, and it may be crafted.
    """
    data = storage.directories(document)
    for path in data:
        if not places.is_place_for_data(path):
            raise unsafe(
                f"the teleport.yaml in {verified.name} has its data in {interface.printable(path)}, which belongs to "
                "the system and would be replaced as a whole"
            )
    trees = (*data, *(each for each in places.TREES if each != paths.DATA))
    taken: dict[str, tuple[int, int]] = {}
    owners, present, named = set(), set(), {}
    for entry in verified.entries():
        path = f"/{entry.path}"
        tree = places.tree_of(path, trees)
        if tree is None and not places.is_standard(path):
            named[path] = entry
        if tree is not None:
            if path == tree and entry.kind != interface.DIRECTORY:
                raise unsafe(f"{verified.name} holds {path} as a {entry.kind}, and a directory was expected")
            size, count = taken.get(tree, (0, 0))
            taken[tree] = (size + on_disk(entry.size if entry.kind == interface.FILE else 0), count + 1)
        if tree in data:
            owners.add(entry.owner)
        if tree not in data or path.count("/") <= _DEEPEST:
            present.add(path)
    _require_named_all(verified, named, document)
    if is_partial:
        for path in data:
            taken.setdefault(path, (0, 0))
        return Outline(
            taken,
            tuple(data),
            frozenset(owners),
            named,
            is_partial=True,
            at_least=int(_OF_ITS_SIZE * verified.size),
            _present=frozenset(present),
        )
    most = verified.totals.data + _BLOCK * verified.totals.entries
    return Outline(taken, tuple(data), frozenset(owners), named, most, _present=frozenset(present))


def _require_named_all(
    verified: interface.Verified, named: Mapping[str, interface.Entry], document: Mapping[str, Any]
) -> None:
    expected = {"/" + posixpath.normpath(path).lstrip("/") for path in named_files.paths_in(document)}
    # For a link, a backup holds its target instead, so that the name in teleport.yaml is not in the archive.
    has_links = any(path not in named and not places.is_standard(path) for path in expected)
    for path, entry in named.items():
        fault = ""
        if places.is_system(path) or len(named) > places.MOST_NAMED:
            fault = "where Teleport never keeps a file"
        elif entry.kind != interface.FILE:
            fault = f"which is a {entry.kind}, and only files were expected there"
        elif entry.size > places.LARGEST_NAMED:
            fault = f"which has {entry.size} bytes, more than any key, certificate or license"
        elif path not in expected and not has_links:
            fault = "which its teleport.yaml does not name"
        if fault:
            raise unsafe(f"{verified.name} holds {interface.printable(path)}, {fault}")


def unsafe(message: str) -> errors.ArchiveUnsafe:
    return errors.ArchiveUnsafe(
        message, hint="This agent does not write such archives: find out who made this one. Nothing was changed."
    )


_DEEPEST = 6
_BLOCK = 4096


def on_disk(size: int) -> int:
    """Return how many bytes of disk space a file of `size` bytes takes at most, or with 0 a directory or a link."""
    return max(_BLOCK, (size + _BLOCK - 1) // _BLOCK * _BLOCK)


@dataclass(frozen=True)
class Contents:
    """The unpacked configuration, as a root directory; `name` is the archive's, for messages."""

    name: str
    root: paths.Root

    def conf(self) -> confs.Conf | None:
        """Return the parsed conf, None without one; raises ConfInvalid."""
        data = self.read(paths.CONF)
        return None if data is None else confs.load(data, f"{self.name}:{paths.CONF}")

    def overrides(self) -> tuple[override_files.Override, ...]:
        """Return the override files in the order of merging."""
        names = sorted(_names(self.root.path(paths.OVERRIDES)))
        chosen, _ = override_files.chosen(names)
        found = ((name, self.read(f"{paths.OVERRIDES}/{name}")) for name in chosen)
        return tuple(
            override_files.Override(f"{self.name}:{paths.OVERRIDES}/{name}", content)
            for name, content in found
            if content is not None
        )

    def generation(self) -> generations.Generation | None:
        """Return the last generation of the old host, None if it is not known."""
        now = self.current()
        try:
            return None if now is None else generations.load(self.root, now.generation)
        except errors.GenerationMissing:
            return None

    def current(self) -> current.Current | None:
        """Return which generation was current on the old host, None if it is not known."""
        try:
            return current.FILE.read(self.root)
        except errors.FileTrouble:
            return None

    def markers(self) -> list[str]:
        """Return the names in /etc/teleport.d, among which the role markers are."""
        return _names(self.root.path(paths.CONF_DIRECTORY))

    def merged_files(self, *, with_environment: bool = False) -> dict[str, bytes]:
        """Return, by path, the files that join those of this host: drop-ins of units, and Teleport's environment.

        `with_environment` adds the environment that this agent writes for the units, which only a plan replaces.
        """
        drop_ins = [
            f"{paths.SYSTEMD}/{unit}/{name}"
            for unit in sorted(_names(self.root.path(paths.SYSTEMD)))
            for name in sorted(_names(self.root.path(f"{paths.SYSTEMD}/{unit}")))
        ]
        environment = [paths.TELEPORT_DEFAULTS, *([paths.UNIT_ENVIRONMENT] if with_environment else [])]
        found = {path: self.read(path) for path in (*filter(places.is_drop_in, drop_ins), *environment)}
        return {path: content for path, content in found.items() if content is not None}

    def read(self, path: str) -> bytes | None:
        """Return the content of the file `path`, None without one."""
        found = directory.read(self.root, path)
        return None if found is None else found.content


@contextlib.contextmanager
def unpacked(verified: interface.Verified) -> Iterator[Contents]:
    """Unpack the configuration of a verified archive into a private directory while the body runs.

    Raises ArchiveUnsafe if the configuration is implausibly large, or not of files and directories.
    """
    size = sum(entry.size for entry in verified.entries() if _is_configuration(f"/{entry.path}"))
    if size > places.MOST_READ:
        raise unsafe(f"{verified.name} has {size} bytes of configuration, and a few thousand are usual")
    with scratch.directory("restore") as top:
        contents = Contents(verified.name, paths.Root(top))
        add(contents, verified, _is_configuration)
        yield contents


class KeepFilter:
    """Chooses the files that `verify` keeps in memory: configuration, and small files elsewhere, within MOST_READ."""

    def __init__(self) -> None:
        self._bytes = 0
        self._elsewhere = 0

    def __call__(self, path: str, size: int) -> bool:
        """Whether to keep the file `path` of the archive, of `size` bytes."""
        absolute = f"/{path}"
        if places.tree_of(absolute, places.READ) is None:
            if places.is_standard(absolute) or size > places.LARGEST_NAMED or self._elsewhere >= places.MOST_NAMED:
                return False
            self._elsewhere += 1
        self._bytes += size
        return self._bytes <= places.MOST_READ


def add(contents: Contents, verified: interface.Verified, chosen: Callable[[str], bool]) -> None:
    """Write the files that are `chosen` by path, which `verify` kept in memory; this agent alone can read them.

    Links are left out, since this agent follows none there. Raises ArchiveUnsafe.
    """
    found = {}
    for entry in verified.entries():
        path = f"/{entry.path}"
        if not chosen(path):
            continue
        is_top = path in places.READ or (places.is_drop_in(path) and path.endswith(".d"))
        if is_top and entry.kind not in (interface.FILE, interface.DIRECTORY):
            raise unsafe(f"{verified.name} holds {interface.printable(path)} as a {entry.kind}")
        if entry.kind not in (interface.FILE, interface.HARDLINK):
            continue
        content = verified.kept.get(entry.path if entry.kind == interface.FILE else entry.link)
        if content is None:
            raise unsafe(
                f"{verified.name} holds {interface.printable(path)}, which is too large, or a link to such a file"
            )
        found[path] = content
    for path, content in found.items():
        target = contents.root.path(path)
        with errors.file_trouble_at(target):
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
                file.write(content)


def _is_configuration(path: str) -> bool:
    top = places.tree_of(path, places.READ)
    return top is not None and (top != paths.SYSTEMD or places.is_drop_in(path))


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
