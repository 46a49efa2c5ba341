"""What may be on the disk after a power loss: every state that a file system may leave, for each moment of a log.

Two models, of which the first is a part of the second:

ordered: names and attributes reach the disk in the order of the operations, up to any one of them, as with a journal of
metadata (ext4, XFS). The content of a file that was not synced may be the old or the new one, zeros of the new size, or
its first half.

any order: each change of a name that was not synced reaches the disk or does not, whatever the others do; only the
changes of one name keep their order, and a rename is one step. What was not synced in *each* of its directories may be
lost as a whole.

fsync of a file is for its content and attributes, never for its name. fsync of a directory is for its names.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tests.simulated.power_loss import log as logs
from tests.simulated.power_loss import tree as trees

# Up to so many changes of names that may be lost, all their combinations are taken.
ALL_OF = 8
# Beyond that so many that keep or lose one, or end at one, evenly spread, and as many by chance, the same each time.
OF_MANY = 12
# So many files with content that may be lost are combined with each other.
FILES_TOGETHER = 2

LIVE, OLD, ZEROS, HALF = "new", "old", "zeros", "half"


@dataclass(frozen=True)
class State:
    """A tree that may be there after a power loss just after operation number `after`, 0 for before the first.

    `lost` says what did not reach the disk.
    """

    after: int
    tree: dict[str, trees.Node]
    is_ordered: bool
    lost: tuple[str, ...]


class Disk:
    """The crash states of a log; `seen` counts all that were built, `states` yields each tree once for each moment."""

    def __init__(self, log: logs.Log) -> None:
        self.log = log
        self.built = 0

    def states(self, after: int) -> Iterator[State]:
        """Yield the distinct states after the operation number `after`."""
        moment = _Moment(self.log, after)
        known = set()
        for state in moment.states():
            self.built += 1
            key = frozenset(state.tree.items())
            if key not in known:
                known.add(key)
                yield state


class _Moment:
    """One moment: what is durable by then, and what may be lost."""

    def __init__(self, log: logs.Log, after: int) -> None:
        self.log = log
        self.after = after
        # By operation number: names that changed; whether they are durable; those that have to be there before.
        self.names: dict[int, logs.Names] = {}
        self.durable: set[int] = set()
        self.earlier: dict[int, set[int]] = {}
        # By inode: the operations on its content and attributes, with the number of the last durable one.
        self.data: dict[int, list[int]] = {}
        self.attributes: dict[int, list[int]] = {}
        self.durable_data: dict[int, int] = {}
        self.durable_attributes: dict[int, int] = {}
        # The last operation that a sync has made durable.
        self.last_durable = -1
        last: dict[tuple[int, str], int] = {}
        synced: dict[int, set[int]] = {}
        for number, operation in enumerate(log.operations[:after]):
            if isinstance(operation, logs.Data):
                self.data.setdefault(operation.inode, []).append(number)
            elif isinstance(operation, logs.Attributes):
                self.attributes.setdefault(operation.inode, []).append(number)
            elif isinstance(operation, logs.Names):
                self.names[number] = operation
                keys = [(each.directory, each.name) for each in operation.entries]
                self.earlier[number] = {last[key] for key in keys if key in last}
                last.update(dict.fromkeys(keys, number))
                synced[number] = {each.directory for each in operation.entries}
            else:
                self._sync(operation, synced)
        for number in sorted(self.durable, reverse=True):
            self.durable |= self._with_earlier(number)

    def _sync(self, operation: logs.Sync, missing: dict[int, set[int]]) -> None:
        """Make durable what this sync is for; `missing` are the directories still to be synced, by operation."""
        everything = operation.inode is None
        for store, durable in ((self.data, self.durable_data), (self.attributes, self.durable_attributes)):
            for inode, numbers in store.items():
                if everything or inode == operation.inode:
                    durable[inode] = numbers[-1]
                    if store is self.attributes:
                        self.last_durable = max(self.last_durable, numbers[-1])
        for number, directories in missing.items():
            if everything or operation.inode in directories:
                directories.difference_update(set(directories) if everything else {operation.inode})
                # A journal has the rename as a whole.
                self.last_durable = max(self.last_durable, number)
                if not directories:
                    self.durable.add(number)

    def _with_earlier(self, number: int) -> set[int]:
        found, todo = {number}, [number]
        while todo:
            for each in self.earlier[todo.pop()]:
                if each not in found:
                    found.add(each)
                    todo.append(each)
        return found

    # --- choices ---

    def states(self) -> Iterator[State]:
        metadata = sorted([*self.names, *(number for numbers in self.attributes.values() for number in numbers)])
        for end in [self.last_durable, *(number for number in metadata if number > self.last_durable)]:
            kept = {number for number in self.names if number <= end}
            attributes = {
                inode: max([number for number in numbers if number <= end], default=-1)
                for inode, numbers in self.attributes.items()
            }
            yield from self._with_content(kept, attributes, is_ordered=True)
        for kept in self._kept():
            for attributes in self._attributes():
                yield from self._with_content(kept, attributes, is_ordered=False)
        for attributes in self._attributes_of_one():
            yield from self._with_content(set(self.names), attributes, is_ordered=False)
        yield from self._with_content(set(self.names), next(self._attributes()), is_ordered=False, one_by_one=True)

    def _kept(self) -> Iterator[set[int]]:
        """Yield the sets of changes of names that reach the disk."""
        open_ones = [number for number in self.names if number not in self.durable]
        if len(open_ones) <= ALL_OF:
            subsets: Iterable[Iterable[int]] = itertools.chain.from_iterable(
                itertools.combinations(open_ones, size) for size in range(len(open_ones) + 1)
            )
        else:
            chance = random.Random(self.after)
            some = open_ones[:: len(open_ones) // OF_MANY + 1]
            subsets = [
                (),
                open_ones,
                *((each,) for each in some),
                *([other for other in open_ones if other != each] for each in some),
                *([other for other in open_ones if other <= each] for each in some),
                *([each for each in open_ones if chance.random() < 0.5] for _ in range(OF_MANY)),
            ]
        known = set()
        for subset in subsets:
            # One that is kept needs those before it; one that is lost takes those after it along.
            wanted = frozenset(subset)
            lost = {each for each in open_ones if each not in wanted}
            up = frozenset(self.durable.union(*(self._with_earlier(each) for each in wanted)))
            down = frozenset(each for each in self.names if not self._with_earlier(each) & lost)
            for kept in (up, down):
                if kept not in known and self.durable <= kept:
                    known.add(kept)
                    yield set(kept)

    def _attributes(self) -> Iterator[dict[int, int]]:
        """Yield the last change of attributes that reaches the disk, of each inode: the last one, or the synced one."""
        new = {inode: numbers[-1] for inode, numbers in self.attributes.items()}
        old = {inode: self.durable_attributes.get(inode, -1) for inode in new}
        yield new
        if new != old:
            yield old

    def _attributes_of_one(self) -> Iterator[dict[int, int]]:
        """Yield the same where those of one inode alone are lost."""
        new, *rest = self._attributes()
        for old in rest:
            for inode in new:
                if new[inode] != old[inode]:
                    yield {**new, inode: old[inode]}

    def _with_content(
        self, kept: set[int], attributes: dict[int, int], *, is_ordered: bool, one_by_one: bool = False
    ) -> Iterator[State]:
        names = dict(self.log.names)
        for number in sorted(kept):
            for each in self.names[number].entries:
                if each.inode is None:
                    names.pop((each.directory, each.name), None)
                else:
                    names[each.directory, each.name] = each.inode
        reachable = _reachable(self.log, names)
        inodes = {number: self._inode(number, attributes) for number in reachable}
        pending = [
            number
            for number in self.data
            if number in reachable and self.data[number][-1] != self.durable_data.get(number, -1)
        ]
        lost_names = tuple(self.log.words[number] for number in self.names if number not in kept)
        lost_attributes = tuple(
            self.log.words[numbers[-1]]
            for inode, numbers in self.attributes.items()
            if attributes[inode] != numbers[-1]
        )
        for choice in _contents(pending, one_by_one=one_by_one):
            chosen = {
                **inodes,
                **{number: self._content(inodes[number], number, how) for number, how in choice.items()},
            }
            lost_content = tuple(
                f"{self.log.words[self.data[number][-1]]} ({how})" for number, how in choice.items() if how != LIVE
            )
            tree = logs.tree(self.log, names, chosen)
            yield State(self.after, tree, is_ordered, (*lost_names, *lost_attributes, *lost_content))

    def _inode(self, number: int, attributes: dict[int, int]) -> logs.Inode:
        inode = replace(self.log.inodes[number])
        at = attributes.get(number, -1)
        if at != -1:
            change = self.log.operations[at]
            assert isinstance(change, logs.Attributes)
            inode = replace(inode, mode=change.mode, uid=change.uid, gid=change.gid)
        if number in self.data:
            inode.content = self._data(self.data[number][-1])
        return inode

    def _data(self, number: int) -> bytes:
        change = self.log.operations[number]
        assert isinstance(change, logs.Data)
        return change.content

    def _content(self, inode: logs.Inode, number: int, how: str) -> logs.Inode:
        durable = self.durable_data.get(number, -1)
        content = inode.content
        if how == OLD:
            content = self._data(durable) if durable != -1 else self.log.inodes[number].content
        elif how == ZEROS:
            content = bytes(len(content))
        elif how == HALF:
            content = content[: len(content) // 2]
        return replace(inode, content=content)


def _contents(pending: Sequence[int], *, one_by_one: bool) -> Iterator[dict[int, str]]:
    """Yield what is there of the content of each of these files."""
    ways = (LIVE, OLD, ZEROS, HALF)
    if len(pending) <= FILES_TOGETHER:
        for each in itertools.product(ways, repeat=len(pending)):
            yield dict(zip(pending, each))
        return
    for way in ways:
        yield dict.fromkeys(pending, way)
    for one in pending if one_by_one else ():
        for way in (OLD, ZEROS, HALF):
            yield {**dict.fromkeys(pending, LIVE), one: way}
        yield {**dict.fromkeys(pending, OLD), one: LIVE}


def _reachable(log: logs.Log, names: dict[tuple[int, str], int]) -> set[int]:
    below: dict[int, list[int]] = {}
    for (folder, _), inode in names.items():
        below.setdefault(folder, []).append(inode)
    found, todo = {logs.ROOT}, [logs.ROOT]
    while todo:
        for inode in below.get(todo.pop(), ()):
            if inode not in found:
                found.add(inode)
                todo.append(inode)
    return found
