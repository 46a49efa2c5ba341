"""Teleport's own updater on a booted machine: on no role's host does it replace a Teleport that it does not restart.

The stand-in updater writes what the real one writes, and asks systemd for what the real one asks.
"""

from __future__ import annotations

import json

import pytest

from tests import documents
from tests.boot import instance, observe, runbook
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.boot.test_teleport_units import TELEPORT_YAML, UNITS
from tests.stand_in import install_teleport, install_updater

SERVICE = "teleport-update.service"
TIMER = "teleport-update.timer"
CONF = "TELEPORT_CLUSTER_NAME=cluster-1\n"


@pytest.fixture(scope="module")
def machine(new_shared_machine: NewMachine) -> Machine:
    """A machine as the packages leave it, with a Teleport that the updater installed, and a configuration."""
    machine = new_shared_machine()
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    # Where the packages have it.
    unit = machine.path("/usr/lib/systemd/system/teleport.service")
    machine.write("/etc/systemd/system/teleport.service", unit.read_text(encoding="utf-8"))
    unit.unlink()
    held_back = (instance.CHECKOUT / "packaging/updater.conf").read_text(encoding="utf-8")
    for each in (SERVICE, TIMER):
        machine.write(f"/usr/lib/systemd/system/{each}.d/50-teleport-bootstrap.conf", held_back)
    install_teleport(machine.path("/opt/origin"), python="/usr/bin/python3", version="18.1.0")
    machine.chroot("systemctl", "disable", instance.GENERATE)
    machine.write("/etc/teleport.yaml", TELEPORT_YAML, mode=0o644)
    machine.boot()
    _updater(machine, "18.1.0")
    machine.run("teleport-update", "enable", "--proxy", "proxy.example.com:443")
    return machine


@pytest.fixture
def clean(machine: Machine) -> Machine:
    for unit, marker, _ in UNITS:
        machine.run("systemctl", "stop", unit)
        machine.path(f"/etc/teleport.d/{marker}").unlink(missing_ok=True)
    machine.run("systemctl", "stop", TIMER)
    machine.run("rm", "-rf", "/var/lib/teleport", "/var/lib/teleport-bootstrap", "/var/lib/teleport-stand-in.log")
    machine.run("rm", "-f", "/var/lib/teleport-update-stand-in.log")
    machine.path("/var/lib/teleport").mkdir(mode=0o700)
    _updater(machine, "18.2.0")
    return machine


def test_row_9_without_a_role_the_updater_is_in_charge(clean: Machine) -> None:
    clean.run("systemctl", "start", TIMER)
    assert clean.state(TIMER) == "active"
    clean.run("systemctl", "start", SERVICE)
    assert _runs(clean) == ["update", "reload not needed"]
    assert _linked(clean) == "18.2.0"
    _updater(clean, "18.1.0")
    clean.run("systemctl", "start", SERVICE)
    assert _linked(clean) == "18.1.0"


@pytest.mark.parametrize(("unit", "marker", "account"), UNITS)
def test_row_9_on_a_host_of_each_role_the_updater_changes_nothing(
    clean: Machine, unit: str, marker: str, account: str
) -> None:
    # The timer may run since before user-data, when the host had no role yet.
    clean.run("systemctl", "start", TIMER)
    clean.write(f"/etc/teleport.d/{marker}", marker[5:] + "\n")
    clean.run("systemctl", "start", unit)
    observe.wait_until_ready(clean, unit)
    before = clean.run("cat", "/run/teleport/teleport.pid")

    clean.run("systemctl", "start", SERVICE)

    assert clean.show(SERVICE, "ConditionResult")["ConditionResult"] == "no"
    assert (_runs(clean), _linked(clean)) == ([], "18.1.0")
    clean.run("systemctl", "restart", TIMER)
    assert clean.state(TIMER) == "inactive"
    assert clean.run("cat", "/run/teleport/teleport.pid") == before
    # The unit is ours, whatever the updater has written beside it.
    assert "Teleport Service" in clean.read("/usr/lib/systemd/system/teleport.service")
    process = before.strip()
    arguments = clean.run("ps", "-o", "args=", "-p", process).split()
    assert "--diag-addr=127.0.0.1:3000" in arguments and "--pid-file=/run/teleport/teleport.pid" in arguments
    assert "TELEPORT_UPDATE_" not in clean.run("cat", f"/proc/{process}/environ")


def test_row_9_status_reports_an_enabled_updater_until_it_is_disabled(clean: Machine) -> None:
    clean.write("/etc/teleport.d/role.all", "all\n")
    found = [each for each in _findings(clean) if each["code"] == "updater-enabled"]
    assert len(found) == 1 and "not in charge" in found[0]["message"]
    assert "its units do not run here" in found[0]["message"] and "teleport-update disable" in found[0]["remedy"]

    runbook.run(clean, documents.block("docs/managed-updates.md", "run", "updater"))
    try:
        assert [each for each in _findings(clean) if each["code"] == "updater-enabled"] == []
    finally:
        _updater(clean, "18.1.0")
        clean.run("teleport-update", "enable", "--proxy", "proxy.example.com:443")


def test_row_9_a_reboot_does_not_bring_the_updater_back(clean: Machine) -> None:
    clean.write("/etc/teleport.d/role.all", "all\n")
    clean.run("systemctl", "enable", "teleport.service")
    assert clean.path(f"/etc/systemd/system/teleport.service.wants/{TIMER}").is_symlink()

    clean.reboot()

    observe.wait_until_ready(clean, "teleport.service")
    assert clean.state(TIMER) == "inactive"
    assert clean.show(TIMER, "ConditionResult")["ConditionResult"] == "no"
    assert _runs(clean) == []


def _updater(machine: Machine, target: str) -> None:
    origin = "/opt/origin/teleport"
    install_updater(machine.path("/usr/local/bin"), python="/usr/bin/python3", target=target, teleport=origin, pace=0.1)


def _linked(machine: Machine) -> str:
    return machine.run("readlink", "/usr/local/bin/teleport").split("/versions/")[1].split("/")[0]


def _runs(machine: Machine) -> list[str]:
    path = machine.path("/var/lib/teleport-update-stand-in.log")
    return [json.loads(line)["event"] for line in path.read_text().splitlines()] if path.exists() else []


def _findings(machine: Machine) -> list[dict[str, str]]:
    found = json.loads(machine.try_run("teleport-bootstrap", "status", "--format", "json").stdout)["findings"]
    assert isinstance(found, list)
    return found
