"""What the figures depend on: the machine, its kernel, its Python, and what else it was doing."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """A machine on a day. `load` is the average of the last minute, in processes that want to run."""

    cores: int
    processor: str
    mebibytes: int
    kernel: str
    system: str
    python: str
    day: str
    load: float


def this() -> Machine:
    """Return this machine, now."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=_field("/proc/cpuinfo", "model name", platform.machine()),
        mebibytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        kernel=platform.release(),
        system=_field("/etc/os-release", "PRETTY_NAME", "Linux", separator="=").strip('"'),
        python=platform.python_version(),
        day=datetime.now(timezone.utc).date().isoformat(),
        load=os.getloadavg()[0],
    )


def _field(path: str, name: str, otherwise: str, separator: str = ":") -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return otherwise
    for line in lines:
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip()
    return otherwise
