"""Measures whole processes in turn, A B A B, so that a machine whose speed drifts favours none of them.

What counts is the ratio of the medians of processor time: other work on the machine changes how long a process waits,
and hardly how much it computes.
"""

from __future__ import annotations

import json
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Optional

# Of every measured command: the programs of the distribution.
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

_SMALL = Path(__file__).with_name("small_process.py")


class Failed(Exception):
    """What was to be measured ended with another status than 0, or could not be prepared."""


@dataclass(frozen=True)
class Used:
    """What a process and all its children took: seconds of the processor and on the clock; MiB of the largest."""

    cpu: float
    wall: float
    mebibytes: float


@dataclass(frozen=True)
class Side:
    """A command to measure. `prepare` is called before each run of it, and not measured."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    prepare: Optional[Callable[[], None]] = None
    status: int = 0


class Runner:
    """A small process that runs the commands; use it in a `with`."""

    def __init__(self) -> None:
        self._process: Optional[subprocess.Popen[str]] = None

    def __enter__(self) -> Runner:
        self._process = subprocess.Popen(
            [sys.executable, "-IS", str(_SMALL)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(10)

    def run(self, side: Side) -> Used:
        """Run a command once; raises Failed."""
        if side.prepare is not None:
            side.prepare()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"argv": side.argv, "environ": dict(side.environ)}) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if answer["status"] != side.status:
            raise Failed(f"{shlex.join(side.argv)} ended with status {answer['status']}:\n{answer['said']}")
        return Used(answer["cpu"], answer["wall"], answer["mebibytes"])


@dataclass(frozen=True)
class Figures:
    """The runs of each side, by its name, in the order in which they were made."""

    runs: Mapping[str, tuple[Used, ...]]

    def __contains__(self, name: str) -> bool:
        return name in self.runs

    def milliseconds(self, name: str) -> float:
        """Return the median of the processor time of a side."""
        return 1000 * statistics.median(each.cpu for each in self.runs[name])

    def mebibytes(self, name: str) -> float:
        """Return the median of the peak memory of a side."""
        return statistics.median(each.mebibytes for each in self.runs[name])

    def ratio(self, one: str, other: str) -> float:
        """Return the ratio of the medians of two sides' processor time."""
        return self.milliseconds(one) / self.milliseconds(other)

    def spread(self, one: str, other: str) -> tuple[float, float]:
        """Return the quartiles of the ratios of all pairs."""
        ratios = [a.cpu / b.cpu for a, b in zip(self.runs[one], self.runs[other])]
        if len(ratios) < 2:
            return ratios[0], ratios[0]
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, high


def in_turn(runner: Runner, sides: Mapping[str, Side], rounds: int) -> Figures:
    """Run all sides in turn, `rounds` times, after a run of each that does not count; raises Failed."""
    for side in sides.values():
        runner.run(side)
    runs: dict[str, list[Used]] = {name: [] for name in sides}
    for number in range(rounds):
        # Each round begins with another side, so that none always follows the same one.
        names = list(sides)
        names = names[number % len(names) :] + names[: number % len(names)]
        for name in names:
            runs[name].append(runner.run(sides[name]))
    return Figures({name: tuple(each) for name, each in runs.items()})
