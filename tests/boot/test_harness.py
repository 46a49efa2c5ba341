"""The machines themselves: that the newest systemd boots on this host, and how a failure on testing counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boot import control_groups, trees
from tests.boot.conftest import NewMachine

# The files that tell how a host mounts its control groups.
VERSION_2 = ("cgroup.controllers",)
VERSION_1 = ("systemd/cgroup.procs",)
MIXED = ("systemd/cgroup.procs", "unified/cgroup.procs")


@pytest.mark.parametrize("release", [trees.TESTING])
def test_issue_17_row_9_a_systemd_that_knows_version_2_only_boots_on_this_host(
    new_machine: NewMachine, release: str
) -> None:
    machine = new_machine(release)
    assert control_groups.systemd_of(machine.root) >= control_groups.VERSION_2_ONLY, "the test is void"

    machine.boot()

    assert machine.run("stat", "-fc", "%T", "/sys/fs/cgroup").strip() == "cgroup2fs"


@pytest.mark.parametrize(
    ("files", "bases", "said"),
    [
        (VERSION_2, [""], ""),
        (VERSION_1, ["systemd"], "control groups of version 1"),
        (MIXED, ["systemd", "unified"], "both versions of control groups"),
    ],
)
def test_issue_17_row_9_says_what_is_done_on_each_kind_of_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], bases: list[str], said: str
) -> None:
    for each in files:
        (tmp_path / "host" / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "host" / each).write_text("")
    monkeypatch.setattr(control_groups, "_BASE", tmp_path / "host")
    new, old = (_tree(tmp_path / str(version), version) for version in (258, 257))

    assert control_groups.bases() == [tmp_path / "host" / each for each in bases]
    assert control_groups.environment(old) == {}
    assert bool(control_groups.environment(new)) == bool(said)
    assert control_groups.note().startswith(f"this host has {said}: ") if said else control_groups.note() == ""


def _tree(root: Path, systemd: int) -> Path:
    library = root / f"usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-{systemd}.so"
    library.parent.mkdir(parents=True)
    library.write_text("")
    return root
