"""The SELinux labels that files of the RPM and of the agent get, without a kernel that has SELinux.

A file that is created gets the type of its directory; one that rpm or systemd creates gets what the policy's table
`file_contexts` says of its path, which is also what `restorecon` gives it later. Where the two are the same, a label
is right from the beginning, also of a file that was renamed into its place: the agent stages each beside its place.
matchpathcon reads the table, which `./dev amazon-linux DIR FILE_CONTEXTS` names.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import PurePosixPath

import pytest

from tests.boot import applied, installed, instance, observe, trees
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

COMMAND = "teleport-bootstrap"
CONF = "/etc/teleport.d/conf"
FILE_CONTEXTS = os.environ.get("TELEPORT_BOOTSTRAP_FILE_CONTEXTS", "")


def labels(machine: Machine) -> dict[str, str]:
    """Return the type that the policy's table names for each path of a machine's disk, empty where it names none."""
    kinds: dict[str, list[str]] = {"dir": ["/"], "lnk_file": [], "file": []}
    for path in sorted(installed.files(machine) | _NOT_LISTED):
        here = machine.path(path)
        kinds["lnk_file" if here.is_symlink() else "dir" if here.is_dir() else "file"].append(path)
    found: dict[str, str] = {}
    for kind, paths in kinds.items():
        command = ["matchpathcon", "-n", "-f", FILE_CONTEXTS, "-m", kind]
        done = subprocess.run(
            ["xargs", "-d", "\\n", *command], input="\n".join(paths), check=True, capture_output=True, text=True
        )
        said = done.stdout.splitlines()
        assert len(said) == len(paths), done.stderr
        found.update((path, line.split(":")[2] if ":" in line else "") for path, line in zip(paths, said))
    return found


# What installed.files leaves out, since every system has it.
_NOT_LISTED = {"/etc/sudoers.d", f"/etc/sudoers.d/10-{COMMAND}"}


def identities(machine: Machine) -> dict[str, int]:
    """Return the inode of each path, which changes where a file is replaced."""
    return {path: machine.path(path).lstat().st_ino for path in installed.files(machine)}


def inherited(path: str, created: set[str], expected: dict[str, str]) -> str:
    """Return the type that a created path has: its directory's, whose label is right unless it was created, too."""
    parent = str(PurePosixPath(path).parent)
    return inherited(parent, created, expected) if parent in created else expected[parent]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> installed.Built:
    return installed.build(tmp_path_factory.mktemp("packages"))


def test_issue_17_point_3_the_rpms_files_get_the_labels_of_their_kinds(
    new_machine: NewMachine, built: installed.Built
) -> None:
    machine = new_machine(trees.AMAZON_LINUX, *installed.WITH_RPM)
    installed.rpm(machine, "-i", "--nodeps", str(built.rpm))
    owned = set(installed.rpm(machine, "-ql", COMMAND).split("\n")) - {""}

    kinds = {path: kind for path, kind in labels(machine).items() if path in owned}

    assert kinds.keys() == owned and all(kinds.values()), "a path without a label"
    by_kind = {kind: sorted(path for path in owned if kinds[path] == kind) for kind in kinds.values()}
    assert by_kind["bin_t"] == [f"/usr/bin/{COMMAND}"], "with which systemd starts it unconfined"
    units = {path for path in owned if path.endswith((".service", ".timer"))}
    assert units <= set(by_kind["systemd_unit_file_t"])
    assert by_kind["var_lib_t"] == ["/var/lib/teleport-bootstrap"]
    assert {path for path in by_kind["etc_t"] if not path.startswith("/etc/systemd")} == {
        f"/etc/sudoers.d/10-{COMMAND}",
        "/etc/teleport.d",
    }
    assert by_kind.keys() <= {"bin_t", "etc_t", "lib_t", "man_t", "systemd_unit_file_t", "usr_t", "var_lib_t"}


def test_issue_17_point_3_what_the_agent_creates_or_replaces_has_its_right_label_from_the_beginning(
    new_machine: NewMachine, built: installed.Built
) -> None:
    machine = new_machine(trees.AMAZON_LINUX, *installed.WITH_RPM)
    installed.rpm(machine, "-i", "--nodeps", str(built.rpm))
    instance.install_stand_in(machine)
    instance.be_instance(machine, user_data=instance.GUIDE_USER_DATA)
    before = identities(machine)

    machine.boot()
    observe.wait_until_ready(machine, "teleport-acm.service")
    machine.write(CONF, machine.read(CONF) + "TELEPORT_SSH_LABELS='a: b'\n")
    assert applied.reconfigure(machine).returncode == 0
    archive = json.loads(machine.run(COMMAND, "backup", "--format", "json", seconds=120))["archive"]
    machine.run(COMMAND, "restore", "--yes", archive, seconds=180)
    machine.power_off()

    created = {path for path, inode in identities(machine).items() if before.get(path) != inode}
    ours = {path for path in created if "teleport" in path}
    assert {"/etc/teleport.yaml", CONF, archive, f"/var/lib/{COMMAND}/events/events.json"} <= ours
    expected = labels(machine)
    wrong = {
        path: (inherited(path, created, expected), expected.get(path))
        for path in sorted(ours)
        if inherited(path, created, expected) != expected.get(path)
    }
    assert wrong == {}
