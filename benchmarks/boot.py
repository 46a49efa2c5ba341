"""A whole boot: from the end of cloud-final to a Teleport that is ready, and whose time that is."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence

from benchmarks import booted
from benchmarks.builds import CHECKOUT
from benchmarks.measuring import Failed
from benchmarks.row import Row
from benchmarks.setting import Setting

GROUP = "boot"
COMMAND = f"./dev bench --only {GROUP}"
# At the first answer of Teleport after the end of user-data, so much of the time may be ours.
MOST_SECONDS = 0.6
TIMES = 7
QUICK_TIMES = 2

_Figures = Mapping[str, float]


def _ours(boot: _Figures) -> float:
    return boot["generate"] + boot["preparing"]


def _systemds(boot: _Figures) -> float:
    return boot["before"] + boot["between"]


def _teleports(boot: _Figures) -> float:
    return boot["teleport"]


_WHOSE = {"this agent": _ours, "systemd": _systemds, "Teleport, a stand-in": _teleports}
NAMES = tuple(f"{case}: {who}" for case in booted.CASES for who in _WHOSE)


def rows(setting: Setting) -> list[Row]:
    """Boot each case several times; raises measuring.Failed."""
    argv = [sys.executable, "-m", "benchmarks.booted", str(QUICK_TIMES if setting.quick else TIMES)]
    environ = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    if os.geteuid() != 0:
        argv = ["sudo", "env", *(f"{name}={value}" for name, value in environ.items()), *argv]
    done = subprocess.run(
        argv, cwd=CHECKOUT, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise Failed("no machine could be booted; the reason is above")
    return [row for case, boots in json.loads(done.stdout).items() for row in _split(case, boots)]


def _split(case: str, boots: Sequence[_Figures]) -> list[Row]:
    whole = statistics.median(boot["whole"] for boot in boots)
    found = []
    for who, part in _WHOSE.items():
        seconds = [part(boot) for boot in boots]
        low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
        has_target = part is _ours and case not in booted.SLOW
        found.append(
            Row(
                f"{case}: {who}",
                statistics.median(seconds),
                whole,
                None,
                MOST_SECONDS if has_target else None,
                "s",
                COMMAND,
                spread=(low, high),
                word="of",
            )
        )
    return found
