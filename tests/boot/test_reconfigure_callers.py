"""`reconfigure` from places where it could wait for itself, end itself, or meet another one."""

from __future__ import annotations

import functools
import json

import pytest

from tests.boot import applied, instance, observe, trees
from tests.boot.conftest import NewMachine

NEW = applied.EXTERNAL.format("new")


@pytest.mark.parametrize("ordering", ["after-multi-user", "amazon-linux"])
def test_in_user_data_it_does_not_block(new_machine: NewMachine, ordering: str) -> None:
    machine = new_machine()
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    calls = (
        "set -e\nteleport-bootstrap generate\n"
        "echo TELEPORT_EXTERNAL_PORT=8443 >>/etc/teleport.d/conf\n"
        "teleport-bootstrap reconfigure --yes\ntouch /var/lib/user-data-went-on\n"
    )
    instance.be_instance(machine, user_data=instance.GUIDE_USER_DATA + calls)
    if ordering == "amazon-linux":
        instance.order_cloud_final_as_amazon_linux_does(machine)

    machine.boot()
    observe.wait_until_ready(machine, applied.ACM)

    assert machine.path("/var/lib/user-data-went-on").exists()
    assert "teleport.acmeinc.com:8443" in machine.read("/etc/teleport.yaml")
    observe.assert_clean_boot(machine)
    assert len(observe.starts(machine)) == 1, "it was never started with the first configuration"
    assert applied.current(machine)["generation"] == 2


def test_a_unit_of_the_boot_that_calls_it_is_not_held_up(new_machine: NewMachine) -> None:
    """Teleport's unit is ordered after multi-user.target, and that after the caller."""
    machine = applied.machine(new_machine)
    machine.write(
        "/etc/systemd/system/caller.service",
        "[Unit]\nAfter=imds.service\nBefore=multi-user.target\n"
        "[Service]\nType=oneshot\nTimeoutStartSec=60\n"
        f"ExecStart=/bin/sh -c 'echo {NEW.strip()} >>/etc/teleport.d/conf; teleport-bootstrap reconfigure --yes'\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    machine.run("systemctl", "enable", "caller.service")

    machine.reboot()
    observe.wait_until_ready(machine, applied.MAIN)

    assert machine.show("caller.service", "Result")["Result"] == "success", machine.journal("-u", "caller.service")
    assert "new.teleport.acmeinc.com" in machine.read("/etc/teleport.yaml")
    assert len(observe.starts(machine)) == 2, "one in each boot"
    observe.assert_clean_boot(machine)


def test_teleport_starts_although_the_generator_waits_for_the_lock(
    new_machine: NewMachine,
) -> None:
    """Teleport's start is ordered after the generator, which waits for the process that reconfigures."""
    machine = applied.machine(new_machine)
    applied.add(machine, NEW)
    # Shorter than its minute: that it gives up, and tries again, is what is shown here.
    machine.write(
        f"/etc/systemd/system/{instance.GENERATE}.d/test.conf",
        "[Service]\nExecStart=\nExecStart=/usr/bin/teleport-bootstrap generate --wait 5\nRestartSec=1\n",
    )
    machine.write("/etc/systemd/system/teleport.service.d/slow.conf", "[Service]\nExecStop=/bin/sleep 3\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemd-run", "--unit=first", "--collect", "teleport-bootstrap", "reconfigure", "--yes")
    machine.wait_for(lambda: machine.state(applied.MAIN) == "deactivating", 20, "the restart")

    machine.run("systemctl", "start", "--no-block", instance.GENERATE)
    machine.wait_for(lambda: machine.state("first.service") == "inactive", 60, "the end of reconfigure")

    assert applied.current(machine)["confirmed"], machine.journal()
    applied.assert_well(machine)
    machine.wait_for(lambda: machine.state(instance.GENERATE) == "inactive", 30, "the generator's second attempt")
    assert machine.show(instance.GENERATE, "Result")["Result"] == "success"


def test_a_second_one_waits_for_the_first_and_says_who_it_is(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine, delay=4)
    applied.add(machine, NEW)
    machine.run("systemd-run", "--unit=first", "--collect", "teleport-bootstrap", "reconfigure", "--yes")
    machine.wait_for(lambda: len(observe.starts(machine)) == 2, 20, "the first one's restart")

    impatient = applied.reconfigure(machine, "--wait", "1")
    assert impatient.returncode == 7
    assert "reconfigure (process" in impatient.stderr

    patient = applied.reconfigure(machine, "--wait", "30")
    assert patient.returncode == 0, patient.stderr
    assert "nothing has changed" in patient.stdout
    assert len(observe.starts(machine)) == 2
    applied.assert_well(machine)


@pytest.mark.parametrize(
    ("release", "word"),
    [*((release, "new") for release in trees.SAMPLED), ("bookworm", "never-ready")],
)
def test_in_a_session_through_teleport_it_outlives_the_session(
    new_machine: NewMachine, release: str, word: str
) -> None:
    machine = applied.machine(functools.partial(new_machine, release), session="/root/session")
    # One that becomes healthy may take its time on a busy machine.
    seconds = 30 if word == "new" else 8
    machine.write(
        "/root/session",
        f"#!/bin/sh\nteleport-bootstrap reconfigure --yes --health-wait {seconds} >/root/said 2>&1\n"
        "echo the session lived on >>/root/said\n",
        mode=0o755,
    )
    before = applied.state(machine)
    applied.add(machine, applied.EXTERNAL.format(word))

    machine.run("kill", "-USR1", str(applied.pid(machine)))
    starts = 2 if word == "new" else 3
    machine.wait_for(lambda: len(observe.starts(machine)) == starts, 60, "Teleport's last start")
    machine.wait_for(lambda: applied.current(machine)["confirmed"], 60, "the end of reconfigure")

    said = machine.read("/root/said")
    assert "this session belongs to teleport.service" in said
    assert "the session lived on" not in said, "the restart ended the session: otherwise the test is void"
    applied.assert_well(machine)
    if word == "new":
        assert "generation 2 is applied" in machine.journal("-t", "teleport-bootstrap")
    else:
        assert applied.state(machine) == before
        assert "The previous configuration was restored" in machine.journal("-t", "teleport-bootstrap")


def test_changes_nothing_and_does_not_prompt_without_a_terminal(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    before = observe.snapshot(machine)
    applied.add(machine, NEW)
    edited = {**observe.snapshot(machine)}

    done = machine.try_run("teleport-bootstrap", "reconfigure")
    dry = machine.try_run("teleport-bootstrap", "reconfigure", "--dry-run", "--format", "json")

    assert done.returncode == 11
    assert dry.returncode == 0
    assert "new.teleport.acmeinc.com" in json.loads(dry.stdout)["proposal"]["differences"][0]["diff"]
    assert observe.snapshot(machine) == edited
    assert set(before) == set(edited)
    assert len(observe.starts(machine)) == 1
