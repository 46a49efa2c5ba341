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


def of(command: str, run: check.Run, *, syncs: bool = True) -> Line:
    """Return the line of a run: all its states, and with `syncs` each of its syncs left out in turn."""
    if not syncs:
        return Line(command, run.check(), None)
    unnoticed = []
    for number in run.syncs():
        if not run.forgetting(number).bad:
            unnoticed.append(run.log.words[number].partition(" ")[2])
    figures = run.check()
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

A moment is the time after one operation; states differ in what was lost. The last column counts the syncs of a command
whose omission leads to a bad state: this shows that the model notices what is missing.

| command | operations | moments | states | distinct | bad | syncs noticed when left out |
|---|---|---|---|---|---|---|
{lines}

The other syncs stay for these reasons:

{reasons}
"""


def page(lines: Sequence[Line]) -> str:
    """Return docs/power-loss.md."""
    rows = [
        f"| {line.command} | {line.figures.operations} | {line.figures.moments} | {line.figures.states:,} | "
        f"{line.figures.distinct:,} | {len(line.figures.bad)} | "
        f"{'not tried' if line.noticed is None else f'{line.noticed} of {line.figures.syncs}'} |"
        for line in lines
    ]
    used = {
        path: why for path, why in ARGUED.items() if any(re.fullmatch(path, e) for li in lines for e in li.unnoticed)
    }
    reasons = [f"- `{path}`: {why}." for path, why in used.items()]
    return _PAGE.format(lines="\n".join(rows), reasons="\n".join(reasons) or "- There are none.")
