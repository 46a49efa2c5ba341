"""Manual edits of teleport.yaml, rollback, and resetting the data, next to `reconfigure`."""

from __future__ import annotations

import yaml

from tests.boot import applied, instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

NEW = applied.EXTERNAL.format("new")


def _edit(machine: Machine) -> None:
    document = yaml.safe_load(machine.read("/etc/teleport.yaml"))
    document["ssh_service"]["port_forwarding"] = False
    machine.path("/etc/teleport.yaml").write_text(yaml.safe_dump(document))


def test_a_manual_edit_is_shown_and_kept_until_the_operator_decides(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    _edit(machine)
    edited = machine.read("/etc/teleport.yaml")

    done = applied.reconfigure(machine)

    assert done.returncode == 12
    assert "+  port_forwarding: false" in done.stderr
    assert "teleport-bootstrap adopt" in done.stderr
    assert machine.read("/etc/teleport.yaml") == edited
    assert len(observe.starts(machine)) == 1


def test_an_adopted_edit_is_applied(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    _edit(machine)

    machine.run("teleport-bootstrap", "adopt")
    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(machine.read("/etc/teleport.yaml"))["ssh_service"]["port_forwarding"] is False
    assert len(observe.starts(machine)) == 2, "it is unknown whether Teleport had read the edit"
    assert applied.current(machine)["generation"] == 2
    assert "there is nothing to adopt" in machine.run("teleport-bootstrap", "adopt")
    assert "nothing has changed" in applied.reconfigure(machine).stdout
    applied.assert_well(machine)


def test_discards_a_manual_edit(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    before = machine.read("/etc/teleport.yaml")
    _edit(machine)

    done = applied.reconfigure(machine, "--discard-edits")

    assert done.returncode == 0, done.stderr
    assert machine.read("/etc/teleport.yaml") == before
    assert len(observe.starts(machine)) == 2
    applied.assert_well(machine)


def test_rolls_back_to_the_previous_generation_and_keeps_it_after_a_reboot(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    before = applied.state(machine)
    applied.add(machine, "USE_ACM=true\n" + NEW)
    assert applied.reconfigure(machine).returncode == 0
    applied.assert_well(machine, applied.ACM)

    done = machine.try_run("teleport-bootstrap", "rollback", "--yes", "--health-wait", "10")

    assert done.returncode == 0, done.stderr
    assert "generation 1 is applied" in done.stdout
    assert applied.state(machine) == before
    applied.assert_well(machine)

    machine.reboot()
    observe.wait_until_ready(machine, applied.MAIN)
    assert applied.state(machine) == before
    assert machine.run("teleport-bootstrap", "history").splitlines()[1].startswith("*    1")


def test_undoes_a_rollback_to_a_generation_that_is_now_unhealthy(new_machine: NewMachine) -> None:
    conf = instance.PLAIN_CONF + applied.LABEL.format("old-mood")
    machine = applied.machine(new_machine, conf)
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF, mode=0o600)
    assert applied.reconfigure(machine).returncode == 0
    before, was = applied.state(machine), applied.current(machine)
    instance.install_stand_in(machine, where={"old-mood": {"start": "unready"}})

    done = machine.try_run("teleport-bootstrap", "rollback", "1", "--yes", "--health-wait", "8")

    assert done.returncode == 13, done.stderr
    assert applied.state(machine) == before
    assert applied.current(machine) == was
    applied.assert_well(machine)


def test_reset_data_moves_the_data_aside_and_teleport_starts_with_empty_data(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    first = machine.read("/var/lib/teleport/host_uuid")

    done = applied.reconfigure(machine, "--reset-data")

    assert done.returncode == 0, done.stderr
    assert "DANGER: Teleport's data directory is moved aside" in done.stdout
    assert machine.read("/var/lib/teleport/host_uuid") != first
    (aside,) = machine.path("/var/lib").glob("teleport.reset-*")
    assert (aside / "host_uuid").read_text() == first
    assert f"the old data is kept in /var/lib/{aside.name}" in done.stdout
    assert len(observe.starts(machine)) == 2
    applied.assert_well(machine)


def test_restores_the_data_if_the_new_configuration_fails(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    before = applied.state(machine)
    applied.add(machine, applied.EXTERNAL.format("exit-now"))

    done = applied.reconfigure(machine, "--reset-data")

    assert done.returncode == 13, done.stderr
    assert applied.state(machine) == before, "host_uuid among it"
    applied.assert_well(machine)
    assert not machine.path("/var/lib/teleport-bootstrap/change.json").exists()


def test_does_not_move_a_data_directory_that_is_a_mount_point_and_teleport_keeps_running(
    new_machine: NewMachine,
) -> None:
    machine = applied.image(new_machine)
    machine.write(
        "/etc/systemd/system/var-lib-teleport.mount",
        "[Mount]\nWhat=tmpfs\nWhere=/var/lib/teleport\nType=tmpfs\n[Install]\nWantedBy=multi-user.target\n",
    )
    machine.chroot("systemctl", "enable", "var-lib-teleport.mount")
    machine.boot()
    observe.wait_until_ready(machine, applied.MAIN)
    before = {name: value for name, value in applied.state(machine).items() if "uuid" not in name}

    done = applied.reconfigure(machine, "--reset-data")

    assert done.returncode == 6, done.stderr
    assert "a mount point cannot be set aside" in done.stderr
    observe.wait_until_ready(machine, applied.MAIN)
    assert {name: value for name, value in applied.state(machine).items() if "uuid" not in name} == before
