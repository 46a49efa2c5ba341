"""What happens to an instance after its first boot: another boot, and the guide's own way to reconfigure it."""

from __future__ import annotations

import yaml

from tests.boot import instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

ACM = "teleport-acm.service"


def _booted_as_in_the_guide(new_machine: NewMachine) -> Machine:
    machine = new_machine()
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine, user_data=instance.GUIDE_USER_DATA)
    machine.boot()
    observe.wait_until_ready(machine, ACM)
    return machine


def test_a_second_boot_changes_nothing_and_teleport_is_up_again(new_machine: NewMachine) -> None:
    machine = _booted_as_in_the_guide(new_machine)
    before = observe.snapshot(machine)

    machine.reboot()
    observe.wait_until_ready(machine, ACM)

    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    assert observe.snapshot(machine) == before
    assert len(observe.starts(machine)) == 2


def test_a_second_boot_without_metadata_still_brings_teleport_up(new_machine: NewMachine) -> None:
    """Fault 18 of the shell scripts: a healthy instance did not come back while AWS was down."""
    machine = _booted_as_in_the_guide(new_machine)
    before = observe.snapshot(machine)
    machine.write("/etc/cloud/cloud-init.disabled", "")
    machine.path("/opt/imds.py").unlink()
    machine.run("systemctl", "disable", "imds.service")

    machine.reboot()
    observe.wait_until_ready(machine, ACM)

    after = observe.snapshot(machine)
    emulator = "etc/systemd/system/sysinit.target.wants/imds.service"
    assert after == {name: facts for name, facts in before.items() if name != emulator}


def test_the_guides_reconfigure_steps_work(new_machine: NewMachine) -> None:
    machine = _booted_as_in_the_guide(new_machine)
    first = observe.starts(machine)[-1]["pid"]

    machine.run("sed", "-i", "s/EXTERNAL_PORT=.*/EXTERNAL_PORT=8443/", "/etc/teleport.d/conf")
    machine.run("rm", "-f", "/etc/teleport.yaml")
    machine.run("systemctl", "restart", instance.GENERATE)
    document = yaml.safe_load(machine.read("/etc/teleport.yaml"))
    assert document["proxy_service"]["public_addr"] == "teleport.acmeinc.com:8443"
    machine.run("systemctl", "restart", ACM)

    observe.wait_until_ready(machine, ACM)
    assert observe.starts(machine)[-1]["pid"] != first


def test_turning_acm_off_moves_the_instance_to_teleport_service(new_machine: NewMachine) -> None:
    machine = _booted_as_in_the_guide(new_machine)

    machine.run("sed", "-i", "s/^USE_ACM=.*/USE_ACM=false/", "/etc/teleport.d/conf")
    machine.run("rm", "-f", "/etc/teleport.yaml")
    machine.run("systemctl", "restart", instance.GENERATE)
    observe.wait_until_ready(machine, "teleport.service")

    assert observe.markers(machine) == ["role.all"]
    assert machine.state(ACM) == "inactive"
    assert not machine.is_enabled(ACM)
    assert machine.is_enabled("teleport.service")


def test_restarting_the_unit_fails_if_the_reconfiguration_failed(new_machine: NewMachine) -> None:
    machine = _booted_as_in_the_guide(new_machine)
    machine.run("sh", "-c", "echo 'TELEPORT_ROLE=auht' >>/etc/teleport.d/conf && rm -f /etc/teleport.yaml")

    done = machine.try_run("systemctl", "restart", instance.GENERATE)

    assert done.returncode != 0
    assert "auht" in machine.journal("-u", instance.GENERATE)
    assert machine.state(ACM) == "active", "what ran keeps running"
