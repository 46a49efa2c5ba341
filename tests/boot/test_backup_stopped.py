"""`backup --stop`: Teleport runs again afterwards, however the backup has ended."""

from __future__ import annotations

import os
import signal

import pytest

from tests.boot import instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

MAIN = "teleport.service"
BACKUPS = "/var/backups/teleport"
# So much that a backup takes a while, and cannot be compressed.
LARGE = "/var/lib/teleport/log/large"


@pytest.fixture(scope="module")
def machine(new_shared_machine: NewMachine) -> Machine:
    made = new_shared_machine()
    instance.without_cloud_init(made)
    instance.install_agent(made)
    instance.install_stand_in(made)
    instance.be_instance(made)
    made.write("/etc/teleport.d/conf", instance.PLAIN_CONF)
    made.boot()
    observe.wait_until_ready(made, MAIN)
    made.path(LARGE).parent.mkdir(parents=True, exist_ok=True)
    made.path(LARGE).write_bytes(os.urandom(1024 * 1024) * 200)
    return made


def starts(machine: Machine) -> int:
    return len(observe.starts(machine))


def started_once_more(machine: Machine, before: int) -> None:
    # systemd calls it started before it has had time to write down that it is.
    machine.wait_for(lambda: starts(machine) > before, 60, f"{MAIN} to be started")
    observe.wait_until_ready(machine, MAIN)
    assert starts(machine) == before + 1


def test_teleport_runs_again_after_a_backup(machine: Machine) -> None:
    before = starts(machine)
    said = machine.run("teleport-bootstrap", "backup", "--stop", seconds=120)
    assert f"stopped and started {MAIN}" in said
    started_once_more(machine, before)


def test_teleport_runs_again_after_a_failed_backup(machine: Machine) -> None:
    before = starts(machine)
    machine.run("mkdir", "-p", "/srv/small")
    machine.run("mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", "/srv/small")
    done = machine.try_run("teleport-bootstrap", "backup", "--stop", "/srv/small", seconds=120)
    assert done.returncode == 6, done.stderr
    started_once_more(machine, before)


def test_a_backup_that_cannot_be_written_does_not_stop_teleport(machine: Machine) -> None:
    before = starts(machine)
    assert machine.try_run("teleport-bootstrap", "backup", "--stop", "/proc/none").returncode == 6
    assert starts(machine) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_teleport_runs_again_after_a_killed_backup(machine: Machine, number: signal.Signals) -> None:
    before = starts(machine)
    machine.run("systemd-run", "--unit=by-hand", "--collect", "teleport-bootstrap", "backup", "--stop")
    machine.wait_for(lambda: machine.state(MAIN) == "inactive", 60, f"{MAIN} to be stopped")
    machine.wait_for(
        lambda: any(path.stat().st_size > 1_000_000 for path in machine.path(BACKUPS).glob(".*")), 60, "packing"
    )
    machine.run("systemctl", "kill", f"--signal={number.value}", "by-hand.service")
    started_once_more(machine, before)
    # No process is left that waits to start it.
    machine.wait_for(
        lambda: "teleport-bootstrap-backup" not in machine.run("systemctl", "list-units", "--no-legend"),
        20,
        "the watch",
    )
