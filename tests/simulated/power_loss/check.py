"""Whether each state that a power loss may leave becomes the old one or the new one when the agent starts again."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional
from unittest import mock

from teleport_bootstrap import errors
from teleport_bootstrap.change import directory_swap, session
from teleport_bootstrap.paths import Root
from tests.simulated.agent import Agent
from tests.simulated.power_loss import disk, log, trace
from tests.simulated.power_loss import tree as trees

OLD, NEW = "old", "new"

# Files that only say who is at work, and are never read after that; and the record of what was done, which is for
# people alone, and to which the recovery itself adds.
_LOCKS = re.compile(r"var/lib/teleport-bootstrap/((events\.|job-[a-z-]+\.)?lock|events(/.*)?)")
# How a job ended is recorded by itself.
_JOBS = "var/lib/teleport-bootstrap/jobs/.*"
# What a job that was cut off leaves of its record goes when the job runs again.
_UNFINISHED = r"var/lib/teleport-bootstrap/jobs/\..*"
# Directories that a restore makes and moves aside.
_ASIDE = re.compile(rf".*\.({'|'.join(directory_swap.WORDS)})-[^/]*")
_CURRENT = "var/lib/teleport-bootstrap/current.json"

Key = frozenset[tuple[str, trees.Node]]


@dataclass(frozen=True)
class Bad:
    """A state that becomes neither old nor new, or not new after success was reported."""

    state: disk.State
    operation: str
    why: str

    def __str__(self) -> str:
        model = "ordered metadata" if self.state.is_ordered else "any order"
        lost = "".join(f"\n    lost: {each}" for each in self.state.lost) or "\n    nothing was lost"
        return f"after operation {self.state.after} ({self.operation}), {model}: {self.why}{lost}"


@dataclass
class Figures:
    """What was tried: operations on files, moments, states that were built, distinct ones, and which were bad."""

    operations: int = 0
    syncs: int = 0
    moments: int = 0
    states: int = 0
    distinct: int = 0
    ends: set[str] = field(default_factory=set)
    bad: list[Bad] = field(default_factory=list)


class Run:
    """A command that was run once on the host of `agent`: its log, and the trees before and after it.

    Each file whose path fits the pattern `alone` may be old or new, whatever the others are; what fits `ignored` is
    left out. `recover` is what the next start of the agent does with a root.
    """

    def __init__(
        self,
        agent: Agent,
        *command: str,
        status: int = 0,
        alone: str = "(?!)",
        ignored: str = "(?!)",
        recover: Optional[Callable[[Path], None]] = None,
    ) -> None:
        self.root = agent.root
        self._ignored = re.compile(f"{_UNFINISHED}|{ignored}")
        self._alone = re.compile(f"{_JOBS}|{alone}")
        self._do_recover = recover or globals()["recover"]
        self.scratch = agent.root.with_name("after-power-loss")
        self.before = trees.read(agent.root)
        start, _ = log.of_tree(agent.root)
        output = agent.root.with_name("trace")
        done = agent.run(*command, prefix=trace.prefix(output), timeout=300)
        assert done.status == status, (done.status, done.said)
        self.log = log.record(start, agent.root, trace.calls(output))
        output.unlink()
        self.after = trees.read(agent.root)
        self._recovered: dict[Key, tuple[Optional[dict[str, trees.Node]], str]] = {}

    def check(
        self,
        operations: Optional[log.Log] = None,
        *,
        moments: Optional[Iterable[int]] = None,
        until_bad: bool = False,
    ) -> Figures:
        """Try the states after each operation, or after those numbered `moments`, of the log or of another one.

        `until_bad` ends at the first bad state.
        """
        tried = operations or self.log
        last = len(tried.operations)
        model = disk.Disk(tried)
        figures = Figures(last, sum(isinstance(each, log.Sync) for each in tried.operations))
        known: set[tuple[Key, bool]] = set()
        for moment in range(last + 1) if moments is None else moments:
            figures.moments += 1
            for state in model.states(moment):
                tree = {path: each for path, each in state.tree.items() if not self._ignored.fullmatch(path)}
                key = (frozenset(tree.items()), moment == last)
                if key in known:
                    continue
                known.add(key)
                end, why = self._judge(tree, must_be_new=moment == last)
                if end is None:
                    words = tried.words[moment - 1] if moment else "the beginning"
                    figures.bad.append(Bad(state, words, why))
                    if until_bad:
                        return figures
                else:
                    figures.ends.add(end)
        figures.states, figures.distinct = model.built, len({key for key, _ in known})
        return figures

    def forgetting(self, number: int, *, after: Optional[int] = None) -> Figures:
        """Try the states that there would be if the command forgot the sync that is operation `number`.

        The first bad one is enough. `after` takes only those after the operation of that number.
        """
        whole = self.log
        keep = [each for each in range(len(whole.operations)) if each != number]
        shorter = log.Log(
            whole.inodes, whole.names, [whole.operations[each] for each in keep], [whole.words[each] for each in keep]
        )
        # Before it, nothing is different; most of what a sync is for comes late.
        moments = range(len(keep), number - 1, -1) if after is None else (after,)
        return self.check(shorter, moments=moments, until_bad=True)

    def syncs(self) -> list[int]:
        """Return the numbers of the syncs in the log."""
        return [number for number, each in enumerate(self.log.operations) if isinstance(each, log.Sync)]

    def _judge(self, tree: dict[str, trees.Node], *, must_be_new: bool) -> tuple[Optional[str], str]:
        recovered, why = self._recover(tree)
        if recovered is None:
            return None, why
        if must_be_new:
            new = trees.differing(essence(recovered, empty=True), essence(self.after, empty=True))
            return (None, f"success was reported, and this is not as it was: {', '.join(new)}") if new else (NEW, "")
        for path in {*recovered, *self.before, *self.after}:
            here = recovered.get(path)
            if self._alone.fullmatch(path) and here not in (self.before.get(path), self.after.get(path)):
                return None, f"{path} is neither the old nor the new one"
        trial = self._essence(recovered)
        new, old = (trees.differing(trial, self._essence(each)) for each in (self.after, self.before))
        if not new:
            return NEW, ""
        if not old:
            return OLD, ""
        return None, f"neither the old state (differs: {', '.join(old)}) nor the new one (differs: {', '.join(new)})"

    def _essence(self, tree: trees.Tree) -> dict[str, trees.Node]:
        return essence({path: each for path, each in tree.items() if not self._alone.fullmatch(path)}, confirmed=True)

    def state(self, moment: int) -> dict[str, trees.Node]:
        """Return what was there after the operation number `moment`, without a power loss."""
        return next(state.tree for state in disk.Disk(self.log).states(moment) if not state.lost)

    def _recover(self, tree: dict[str, trees.Node]) -> tuple[Optional[dict[str, trees.Node]], str]:
        if tree in (self.before, self.after):
            return tree, ""
        key = frozenset(tree.items())
        if key not in self._recovered:
            trees.write(tree, self.scratch)
            try:
                self._do_recover(self.scratch)
            except errors.BootstrapError as error:
                self._recovered[key] = None, f"recovery fails: {error.message}"
            except Exception as error:  # anything else is a fault as well
                self._recovered[key] = None, f"recovery fails: {type(error).__name__}: {error}"
            else:
                self._recovered[key] = trees.read(self.scratch), ""
        return self._recovered[key]


def memory() -> Optional[str]:
    """Return a directory in memory, where there is one: thousands of trees are written, and none has to last."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def recover(root: Path) -> None:
    """Do what each command that writes does first, as the boot does; without waiting for this disk."""
    with mock.patch("os.fsync"), _quiet(), session.begin(Root(str(root)), "recovery", deadline_seconds=10):
        pass


def essence(tree: trees.Tree, *, confirmed: bool = False, empty: bool = False) -> dict[str, trees.Node]:
    """Return a tree without locks and, unless `empty`, without directories that hold nothing and do no harm.

    With `confirmed`, it does not matter whether Teleport was seen healthy with the current generation.
    """
    kept = {
        path: each
        for path, each in tree.items()
        if not _LOCKS.fullmatch(path) and (empty or each.kind != trees.DIRECTORY or _ASIDE.fullmatch(path))
    }
    if confirmed and _CURRENT in kept:
        with contextlib.suppress(ValueError):
            noted = {**json.loads(kept[_CURRENT].content), "confirmed": True, "previous": None, "data_aside": None}
            there = kept[_CURRENT]
            kept[_CURRENT] = trees.Node(there.kind, there.mode, there.uid, there.gid, json.dumps(noted).encode())
    for path in list(kept):
        above = os.path.dirname(path)
        while above:
            kept[above] = tree[above]
            above = os.path.dirname(above)
    return kept


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def sample(run: Run, count: int) -> Mapping[int, None]:
    """Return `count` moments, evenly spread, with the first and the last."""
    last = len(run.log.operations)
    return dict.fromkeys(index * last // (count - 1) for index in range(count))
