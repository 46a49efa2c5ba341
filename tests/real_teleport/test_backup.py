"""A backup of a running Teleport, restored on an instance with another address: at its first boot, and manually."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boot import network
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.real_teleport import real
from tests.real_teleport.test_first_boot import PLAIN

UNIT = "teleport.service"
ARCHIVE = "/srv/teleport.tar.zst"


@pytest.fixture
def switch() -> Iterator[network.Network]:
    with network.new() as made:
        yield made


@pytest.fixture
def archive(new_machine: NewMachine, switch: network.Network, tmp_path: Path) -> bytes:
    """A backup of an all-in-one with a user, made while it runs; it is off afterwards."""
    old = real.machine(new_machine, PLAIN, switch=switch, number=1)
    old.boot()
    real.wait_until_ready(old, UNIT)
    old.wait_for(lambda: "alice" in old.try_run("tctl", "users", "add", "alice", "--roles=access").stdout, 60, "a user")
    made = old.run("teleport-bootstrap", "backup", "/srv/backups", seconds=300)
    name = old.run("sh", "-c", "ls /srv/backups/*.tar*").split()[0]
    assert name in made
    old.run("teleport-bootstrap", "backup", "verify", name, seconds=300)
    content = old.path(name).read_bytes()
    old.power_off()
    return content


def new_instance(new_machine: NewMachine, switch: network.Network, archive: bytes, conf: str) -> Machine:
    new = real.machine(new_machine, conf, switch=switch, number=2)
    new.path(ARCHIVE).write_bytes(archive)
    return new


def assert_is_the_old_one(new: Machine, switch: network.Network) -> None:
    real.wait_until_ready(new, UNIT)
    new.wait_for(lambda: "alice" in new.try_run("tctl", "users", "ls", "--format=text").stdout, 60, "the user")
    assert f'advertise_ip: "{switch.address(2)}"' in new.read("/etc/teleport.yaml")
    assert new.state(UNIT) == "active"
    assert new.show(UNIT, "NRestarts") == {"NRestarts": "0"}, real.refusals(new, UNIT)
    found = real.status(new)
    assert found["state"] in ("healthy", "drifted"), found


def test_a_new_instance_restores_at_its_first_boot(
    new_machine: NewMachine, switch: network.Network, archive: bytes
) -> None:
    new = new_instance(new_machine, switch, archive, f"TELEPORT_RESTORE_FROM={ARCHIVE}\n")
    new.boot()
    new.wait_for(lambda: new.path("/var/lib/teleport-bootstrap/restored.json").exists(), 180, "the restore")
    assert_is_the_old_one(new, switch)
    new.reboot()
    assert_is_the_old_one(new, switch)


def test_row_g_an_instance_that_has_just_booted_restores_manually_and_undoes_it(
    new_machine: NewMachine, switch: network.Network, archive: bytes
) -> None:
    new = new_instance(new_machine, switch, archive, PLAIN)
    new.boot()
    real.wait_until_ready(new, UNIT)
    real.assert_is_healthy(new, UNIT)
    blank = new.read("/var/lib/teleport/host_uuid")
    done = new.try_run("teleport-bootstrap", "restore", "--yes", ARCHIVE, seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_is_the_old_one(new, switch)
    assert new.read("/var/lib/teleport/host_uuid") != blank
    done = new.try_run("teleport-bootstrap", "restore", "--undo", "--yes", seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    real.wait_until_ready(new, UNIT)
    assert new.read("/var/lib/teleport/host_uuid") == blank
