"""The control groups of this host, and what a systemd in a machine needs of them.

systemd 258 and newer know version 2 only. On a host with version 1, or with both, systemd-nspawn gives a machine the
host's kind, and such a systemd ends at once ("Detected unsupported legacy cgroup hierarchy, refusing execution"). So
these machines get a hierarchy of version 2 of their own, without controllers where the host uses them in version 1.
"""

from __future__ import annotations

import re
from pathlib import Path

VERSION_2_ONLY = 258

_BASE = Path("/sys/fs/cgroup")


def bases() -> list[Path]:
    """The hierarchies in which a machine's processes are tracked: one, or two on a host with both kinds."""
    if _is_version_2():
        return [_BASE]
    return [each for each in (_BASE / "systemd", _BASE / "unified") if each.is_dir()]


def environment(tree: Path) -> dict[str, str]:
    """What systemd-nspawn needs to be told on this host so that the systemd of a tree boots."""
    if _is_version_2() or systemd_of(tree) < VERSION_2_ONLY:
        return {}
    return {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}


def note() -> str:
    """One line on what is done on this host; empty where nothing is."""
    if _is_version_2():
        return ""
    kind = "both versions of control groups" if (_BASE / "unified").is_dir() else "control groups of version 1"
    return (
        f"this host has {kind}: machines with systemd {VERSION_2_ONLY} or newer, which takes version 2 only,"
        " are started with SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1"
    )


def systemd_of(tree: Path) -> int:
    """The version of the systemd in a tree, by the library that its programs share; 0 where it has none."""
    places = ("usr/lib/*/systemd", "usr/lib/systemd", "lib/systemd")
    names = [each.name for place in places for each in tree.glob(f"{place}/libsystemd-shared-*.so")]
    found = [re.search(r"shared-(\d+)", name) for name in names]
    return max((int(each[1]) for each in found if each), default=0)


def _is_version_2() -> bool:
    return (_BASE / "cgroup.controllers").exists()
