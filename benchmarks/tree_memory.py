"""The peak memory of a command and all processes that it starts, together.

It is the largest sum of their proportional set sizes (PSS) that was seen: what they share counts once, and the page
cache, which the kernel frees when others need it, does not count. A control group would count that cache, and
adding up the peak of each process counts shared libraries several times and peaks that were not at the same time.
Looking takes processor time, so that this is a run of its own.
"""

from __future__ import annotations

import os
import subprocess
import time

from benchmarks.measuring import Failed, Side

_EVERY_SECONDS = 0.02


def peak(side: Side) -> float:
    """Run a command once, and return MiB; raises measuring.Failed."""
    if side.prepare is not None:
        side.prepare()
    most = 0
    with subprocess.Popen(
        side.argv,
        env=dict(side.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        while child.poll() is None:
            most = max(most, sum(_pss(each) for each in _with_children(child.pid)))
            time.sleep(_EVERY_SECONDS)
    if child.returncode != side.status:
        raise Failed(f"{side.argv} ended with status {child.returncode}")
    return most / 1024


def _with_children(process: int) -> list[int]:
    found = [process]
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as file:
                for each in file.read().split():
                    found += _with_children(int(each))
    except OSError:  # it has ended
        pass
    return found


def _pss(process: int) -> int:
    """Return KiB, 0 for a process that has ended."""
    try:
        with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0
