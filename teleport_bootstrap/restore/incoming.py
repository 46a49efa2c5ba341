"""Takes an archive while it is read: decides early, and unpacks beside what is in use, which does not change yet."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from teleport_bootstrap import paths
from teleport_bootstrap.archive import interface, unpack
from teleport_bootstrap.archive.tar import Member, content_digest
from teleport_bootstrap.change import directory_swap
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.hints import Any
from teleport_bootstrap.restore import archive_configuration, places, rules, this_host

# Members are in the order of their paths: behind this directory comes nothing that says how a host is configured.
_CONFIGURATION = "etc"
# Far more than there ever are in it; with more, everything is decided at the end.
_MOST_FIRST = 50_000
_MOST_DATA_DIRECTORIES = 20


class Incoming:
    """A verify.Receiver for a restore. A context manager.

    `judge(header, data)` is called with the header and the directories that hold data, `decide` with what the archive
    holds up to its configuration, before that data is read. What they raise ends the reading. If it `stages`, the
    directories are unpacked beside their places; the end of `transaction` removes what is not swapped in.
    """

    def __init__(
        self,
        transaction: Transaction,
        source: interface.Source,
        *,
        judge: Callable[[Mapping[str, Any], tuple[str, ...]], None],
        decide: Callable[[interface.Verified], None],
        stages: bool,
    ) -> None:
        self._transaction = transaction
        self._root = transaction.root
        self._source = source
        self._judge = judge
        self._decide = decide
        self._stages = stages
        self._opened = contextlib.ExitStack()
        self._staging: unpack.Staging | None = None
        self._first: list[interface.Entry] = []
        self._is_decided = False
        self._header: Mapping[str, Any] = {}
        self._kept: Mapping[str, bytes] = {}
        # Where each directory is unpacked, as the instance sees it; the disks of those that have been begun; what is
        # left there.
        self.places: dict[str, str] = {}
        self.stamp = ""
        self._devices: dict[str, int] = {}
        # The last directory of the archive that is in a tree, with that.
        self._folder: tuple[str, str] | None = None
        self._room: dict[int, this_host.Room] = {}

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def begin(self, header: Mapping[str, Any], kept: Mapping[str, bytes]) -> None:
        """As verify.Receiver. Raises ArchiveUnsafe for a header that names a directory which cannot hold data."""
        self._header, self._kept = header, kept
        data = _data_directories(self._source.name, header)
        self._judge(header, data)
        trees = tuple(dict.fromkeys((*data, *places.TREES)))
        self.stamp = directory_swap.stamp(self._root, trees)
        self.places = {
            tree: directory_swap.place(self._root, tree, directory_swap.NEW, self.stamp, private=True) for tree in trees
        }
        into = {tree: self._root.path(path) for tree, path in self.places.items()}
        self._staging = self._opened.enter_context(unpack.Staging(into, root=self._root))

    def take(self, member: Member, data: Iterable[memoryview | bytes]) -> str:
        """As verify.Receiver. Raises RestoreRefused where there is no room left, before that is used."""
        entry = member.entry
        if not self._is_decided:
            self._remember(entry)
        tree = self._tree_of(entry.path)
        if self._staging is None or not self._stages or tree is None:
            return content_digest(member, data) if entry.kind == interface.FILE else ""
        if tree not in self._devices:
            self._begin_tree(tree)
        self._take_room(tree, member.data)
        return self._staging.take(member, data)

    def _tree_of(self, path: str) -> str | None:
        folder = path.rpartition("/")[0]
        if self._folder is not None and folder == self._folder[0]:
            return self._folder[1]
        found = places.tree_of(f"/{path}", tuple(self.places))
        # Whatever else is in that directory is in the same tree.
        if found is not None and f"/{folder}/".startswith(f"{found}/"):
            self._folder = folder, found
        return found

    def finish(self, verified: interface.Verified) -> interface.Unpacked:
        """Finish what was unpacked, once all of the archive was verified."""
        assert self._staging is not None  # noqa: S101 - the header came before
        return self._staging.finish(verified)

    def _remember(self, entry: interface.Entry) -> None:
        top = entry.path.partition("/")[0]
        if os.fsencode(top) > os.fsencode(_CONFIGURATION):
            self._is_decided = True
            self._decide(self._partial())
        elif top == _CONFIGURATION:
            self._first.append(entry)
            self._is_decided = len(self._first) > _MOST_FIRST

    def _partial(self) -> interface.Verified:
        """Return what was read so far."""
        return interface.Verified(
            name=self._source.name,
            digest="",
            size=self._source.size or 0,
            compression="",
            header=self._header,
            totals=interface.Totals(),
            notes=(),
            notes_in_all=0,
            missing=(),
            missing_in_all=0,
            lines=_Listed(self._first),
            parse=_as_it_is,
            kept=self._kept,
        )

    def _begin_tree(self, tree: str) -> None:
        self._transaction.reserve([directory_swap.container(self.places[tree])])
        directory_swap.make_room(self._root, self.places[tree])
        beside = self._root.path(os.path.dirname(self.places[tree]))
        self._devices[tree] = os.stat(beside).st_dev
        self._room.setdefault(self._devices[tree], this_host.room(beside))

    def _take_room(self, tree: str, size: int) -> None:
        """Count what a member takes on its disk. Raises RestoreRefused before the disk of this host is full."""
        device = self._devices[tree]
        left = self._room[device].without(archive_configuration.on_disk(size))
        self._room[device] = left
        if left.bytes < rules.LEFT_FREE_BYTES or (left.files is not None and left.files < 0):
            found = this_host.room(self._root.path(os.path.dirname(self.places[tree])))
            raise rules.refused(self._source.name, [rules.no_room(self._root.path(tree), found.bytes)])


class _Listed:
    """Entries in memory, in the place of the lines of a manifest."""

    def __init__(self, entries: Iterable[interface.Entry]) -> None:
        self._entries = tuple(entries)

    def rewind(self) -> int:
        return 0

    def lines(self) -> Iterator[Any]:
        return iter(self._entries)

    def close(self) -> None:
        pass


def _as_it_is(entry: Any) -> interface.Entry:
    found: interface.Entry = entry
    return found


def _data_directories(name: str, header: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the directories that hold data according to a header. Raises ArchiveUnsafe."""
    listed = header.get("data_directories")
    chosen = listed if isinstance(listed, list) and listed else [paths.DATA]
    for each in chosen:
        others = [other for other in chosen if other is not each]
        if (
            not isinstance(each, str)
            or len(chosen) > _MOST_DATA_DIRECTORIES
            or not each.startswith("/")
            or os.path.normpath(each) != each
            or not places.is_place_for_data(each)
            or places.tree_of(each, others) is not None
        ):
            raise archive_configuration.unsafe(
                f"{name} says that its data is in {interface.printable(str(each))}, which belongs to the system"
            )
    return tuple(chosen)
