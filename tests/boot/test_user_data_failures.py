"""What is said where user-data fails, or systemd leaves it out, with the cloud-init and the systemd of each release."""

from __future__ import annotations

import json
import tarfile
from typing import Any

import pytest

from tests.boot import instance, observe, trees
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

FAILING = """\
#!/bin/bash
echo starting the set-up
echo password=correct-horse-battery
printf 'curl: (6) \\033[31mCould not resolve host: example.org\\033[0m\\n' >&2
exit 3
"""
THEIRS = """\
[Unit]
Description=A service that waits for user-data, and that the boot waits for
After=cloud-final.service

[Service]
Type=oneshot
ExecStart=/bin/true

[Install]
RequiredBy=multi-user.target
"""
# Amazon Linux's cloud-final.service does not wait for that target, but for this one.
BEFORE_ONLINE = "After=cloud-final.service\nBefore=network-online.target\nRequires=network-online.target\n"


@pytest.fixture(scope="module", params=trees.RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def failed(new_shared_machine: NewMachine, release: str) -> Machine:
    machine = new_shared_machine(release)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine, user_data=FAILING)
    machine.boot()
    return machine


def test_issue_17_row_1_collect_logs_has_the_output_of_user_data_whatever_its_unit_is_called(failed: Machine) -> None:
    failed.run("teleport-bootstrap", "collect-logs", "--output", "/root/bundle.tar.gz")

    with tarfile.open(failed.path("/root/bundle.tar.gz")) as bundle:
        texts = {each.name.partition("/")[2]: bundle.extractfile(each) for each in bundle if each.isfile()}
        found = {name: file.read().decode() for name, file in texts.items() if file is not None}
    journals = "".join(text for name, text in found.items() if name.startswith("journal/cloud-"))
    assert "Could not resolve host: example.org" in journals
    assert "Runparts: 1 failures" in found["system/cloud-init.txt"]
    assert "correct-horse-battery" not in "".join(found.values())
    installed = failed.run("systemctl", "list-unit-files", "--no-legend", "cloud-*.service").split("\n")
    assert {line.split()[0] for line in installed if line} <= set(_ids(found["units/states.txt"]))


def test_issue_17_row_2_a_failed_script_is_named_by_the_error_and_by_status(failed: Machine) -> None:
    quoted = "starting the set-up | password=******** | curl: (6) Could not resolve host: example.org"

    assert quoted in failed.console()
    log = failed.journal("-t", "teleport-bootstrap")
    assert "user-data failed: scripts-user: Runparts: 1 failures (part-001) in 1 attempted commands" in log.replace(
        "scripts_user", "scripts-user"
    )
    assert quoted in log
    found = {each["code"]: each for each in _findings(failed)}
    assert sorted(found) == ["conf-missing", "user-data-failed"]
    assert quoted in found["user-data-failed"]["message"]
    assert "correct-horse-battery" not in log

    # Once there is a conf, what user-data did besides is only noted.
    failed.write("/etc/teleport.d/conf", instance.PLAIN_CONF)
    failed.run("systemctl", "restart", instance.GENERATE)
    observe.wait_until_ready(failed, "teleport.service")
    done = failed.try_run("teleport-bootstrap", "status")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "note: user-data failed: " in done.stdout


def test_issue_17_row_3_user_data_that_systemd_left_out_to_break_an_ordering_cycle(
    new_machine: NewMachine, release: str
) -> None:
    machine = new_machine(release)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine, user_data=instance.GUIDE_USER_DATA)
    theirs, target = THEIRS, "multi-user.target"
    if release == trees.AMAZON_LINUX:
        theirs, target = THEIRS.replace("After=cloud-final.service\n", BEFORE_ONLINE), "network-online.target"
    machine.write("/etc/systemd/system/theirs.service", theirs)
    machine.chroot("systemctl", "enable", "theirs.service")

    machine.boot()

    assert machine.state("cloud-final.service") == "inactive", "systemd has left out another unit: the test is void"
    circle = ("cloud-final.service", target, "theirs.service")
    named = f"{' after '.join((*circle, circle[0]))} (let theirs.service wait for less"
    assert named in machine.journal("-t", "teleport-bootstrap")
    # Also where systemd has forgotten it.
    for _ in range(2):
        assert [each["code"] for each in _findings(machine)] == ["conf-missing", "ordering-cycle"]
        assert named in machine.try_run("teleport-bootstrap", "status").stdout
        machine.run("systemctl", "daemon-reload")

    # What the two remedies name goes on from there.
    machine.run("systemctl", "start", "cloud-final.service")
    machine.run("systemctl", "restart", instance.GENERATE)
    observe.wait_until_ready(machine, "teleport-acm.service")
    assert _findings(machine) == []

    # Where there is a conf, it is noted: systemd calls the boot degraded, for which no failed unit accounts.
    machine.reboot()
    observe.wait_until_ready(machine, "teleport-acm.service")
    assert [(each["severity"], each["code"]) for each in _findings(machine)] == [("note", "ordering-cycle")]
    assert machine.try_run("teleport-bootstrap", "status").returncode == 0


def test_issue_17_row_3_a_generator_that_systemd_left_out_to_break_an_ordering_cycle(
    new_machine: NewMachine, release: str
) -> None:
    machine = new_machine(release)
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine)
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF)
    machine.write("/etc/systemd/system/theirs.service", THEIRS.replace("cloud-final.service", instance.GENERATE))
    machine.chroot("systemctl", "enable", "theirs.service")

    machine.boot()

    found = {each["code"]: each for each in _findings(machine)}
    assert "ordering-cycle" in found, found
    assert found["ordering-cycle"]["subject"] == instance.GENERATE
    assert "theirs.service" in found["ordering-cycle"]["message"]
    machine.run("systemctl", "start", instance.GENERATE)
    observe.wait_until_ready(machine, "teleport.service")
    assert _findings(machine) == []


def _findings(machine: Machine) -> list[dict[str, Any]]:
    done = machine.try_run("teleport-bootstrap", "status", "--format", "json")
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


def _ids(states: str) -> list[str]:
    return [line.partition("=")[2] for line in states.splitlines() if line.startswith("Id=")]
