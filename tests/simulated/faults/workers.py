"""What a process of the matrix does: one world for all that it is asked to run, in parallel to the others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.simulated.faults import commands
from tests.simulated.faults.cases import Case
from tests.simulated.faults.runner import Runner
from tests.simulated.faults.world import World

_runner: list[Runner] = []


def begin(scratch: str, hosts: str) -> None:
    """Make the world of a process; what is known of each command is kept in `hosts`."""
    _runner.append(Runner(World(Path(scratch) / f"world-{os.getpid()}"), Path(hosts)))


def discover(name: str, every: bool) -> list[dict[str, Any]]:
    found = _runner[0].cases(commands.BY_NAME[name], every=every)
    return [{"case": each.data(), "usual": _runner[0].baseline(commands.BY_NAME[name]).problems} for each in found]


def run(data: dict[str, Any]) -> dict[str, Any]:
    case = Case.of(data)
    try:
        return _runner[0].run(case).data()
    except Exception as error:  # of the test itself: the other cases are run nevertheless
        problem = f"runner: {type(error).__name__}: {error}"[:300]
        return {"name": case.name, "case": data, "status": None, "seconds": 0.0, "late": 0.0, "peak_mib": 0.0,
                "outcome": "not reached", "problems": [problem], "said": ""}  # fmt: skip
