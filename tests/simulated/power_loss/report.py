"""The figures of the model: a line for each command, and docs/power-loss.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from tests.simulated.power_loss import check

# Syncs that the model can do without, with the reason to keep them.
ARGUED = {
    r"/var/lib/teleport-bootstrap/generations": "the next command lists a saved generation again",
    r"/var/lib/teleport-bootstrap": "another sync of this directory follows at once; and a journal that is gone must "
    "not come back after an operator has edited what it names",
}


@dataclass(frozen=True)
class Line:
    """The figures of one command, and the syncs that are noticed when they are left out; the others by their path."""

    command: str
    figures: check.Figures
    noticed: Optional[int]
    unnoticed: Sequence[str] = ()

    @property
    def unexplained(self) -> list[str]:
        """The syncs that are needless, as far as the model knows, and for which there is no reason."""
        return [each for each in self.unnoticed if not any(re.fullmatch(path, each) for path in ARGUED)]

    @property
    def text(self) -> str:
        figures = self.figures
        return (
            f"{self.command}: {figures.operations} operations, {figures.moments} moments, {figures.states} states, "
            f"{figures.distinct} of them distinct, {len(figures.bad)} bad{self._of_syncs}"
        )

    @property
    def _of_syncs(self) -> str:
        if self.noticed is None:
            return ""
        return f"; {self.noticed} of {self.figures.syncs} syncs are noticed when left out"


def of(command: str, run: check.Run, *, syncs: bool = True, moments: Optional[int] = None) -> Line:
    """Return the line of a run: its states at all moments, or so many; with `syncs`, each sync is left out in turn."""
    chosen = None if moments is None else check.sample(run, moments)
    if not syncs:
        return Line(command, run.check(moments=chosen), None)
    unnoticed = []
    for number in run.syncs():
        if not run.forgetting(number).bad:
            unnoticed.append(run.log.words[number].partition(" ")[2])
    figures = run.check(moments=chosen)
    return Line(command, figures, figures.syncs - len(unnoticed), unnoticed)


_PAGE = """\
# Power loss

<!-- Made by `./dev power-loss --write`; change it in tests/simulated/power_loss/report.py. -->

For those who want to know what a power loss during a command leaves, and for those who change how files are written.

After a power loss at any moment, the next start of this agent finds the state before the command or the state after it,
complete and with nothing left over. Once a command has ended with exit status 0, it is the state after it.

Killing a process does not show this, because what it has written survives in the memory of the kernel. So
`./dev power-loss` runs each command once under `strace`, rebuilds its operations on files from the system calls, and
enumerates what may be on the disk after each of them. It writes each distinct state to a directory, lets the agent
recover there as it does at boot, and compares the result.

## What may be on the disk

`fsync` of a file is for its content and attributes, not for its name; `fsync` of a directory is for its names
([fsync(2)](https://man7.org/linux/man-pages/man2/fsync.2.html)). A `rename` is one step
([rename(2)](https://man7.org/linux/man-pages/man2/rename.2.html)). For what was not synced there are two models:

- **Ordered metadata**: names and attributes reach the disk in the order of the calls, up to any one of them. The
  content of a file may be the old one, the new one, zeros of the new size, or its first half. ext4 with its journal
  ([data=ordered](https://docs.kernel.org/admin-guide/ext4.html), the default, and even `data=writeback`) and XFS
  ([write-ahead log](https://docs.kernel.org/filesystems/xfs/xfs-delayed-logging-design.html)) leave a part of these
  states.
- **Any order**: each change of a name reaches the disk or does not, whatever the others do; only the changes of one
  name keep their order. A rename between two directories is durable when both were synced. No file system of an
  instance is known to be so bad; POSIX permits it.

ext4 often writes the content of a file before the `rename` that puts it in the place of another one (`auto_da_alloc`).
Nothing here relies on that, on an `fsync` of a new file that brings its name along, or on the order of two directories.

The model does not follow times and extended attributes. It assumes that a disk keeps what it has confirmed, and that
what a command finds when it begins is on the disk.

## Figures

A moment is the time after one operation; states differ in what was lost. `--moments N` takes so many moments of each
command, evenly spread, and the first and the last.

| command | operations | moments | states | distinct | bad |
|---|---|---|---|---|---|
{lines}

The model notices what is missing: without `--keep-syncs`, `./dev power-loss` also leaves out each sync of each command
in turn, and prints for how many of them that leads to a bad state, and which the others are. The tests do it for some.

Between two states there is one step that is good by itself:

- An archive of `backup` is complete before it is verified. What SQLite creates beside a database, and the directory in
  which a backup copies databases, is removed by the next backup.
- The record of a job may be that of the run before.
- After a `restore`, the directories that an earlier restore has kept may still be there. The record of the new restore
  names them, and `restore --discard-undo` or the next restore removes them.
"""


def page(lines: Sequence[Line]) -> str:
    """Return docs/power-loss.md."""
    rows = [
        f"| {line.command} | {line.figures.operations} | {line.figures.moments} | {line.figures.states:,} | "
        f"{line.figures.distinct:,} | {len(line.figures.bad)} |"
        for line in lines
    ]
    return _PAGE.format(lines="\n".join(rows))
