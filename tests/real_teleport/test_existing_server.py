"""A host on which Teleport runs by a unit of its own package comes under this agent, and the same process goes on."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.boot import instance
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.boot.test_existing_server import PACKAGES_UNIT
from tests.real_teleport import real

UNIT = "teleport.service"
TELEPORT_YAML = """\
version: v3
teleport:
  nodename: teleport-1
  data_dir: /var/lib/teleport
  log: {output: stderr, severity: INFO}
auth_service:
  enabled: "yes"
  cluster_name: tp.acmeinc.com
  listen_addr: 0.0.0.0:3025
  authentication: {type: local, second_factor: otp}
proxy_service:
  enabled: "yes"
  web_listen_addr: 0.0.0.0:3080
  public_addr: tp.acmeinc.com:3080
ssh_service:
  enabled: "yes"
  labels: {env: prod}
"""


@pytest.fixture
def machine(new_machine: NewMachine) -> Machine:
    """Teleport's package first, then ours: its unit takes precedence over that of the other, and nothing starts."""
    made = real.machine(new_machine, "")
    made.path("/etc/teleport.d/conf").unlink()
    # Where ours is until the package of this agent is there.
    made.write(f"/etc/systemd/system/{UNIT}", PACKAGES_UNIT)
    made.write("/etc/teleport.yaml", TELEPORT_YAML, mode=0o600)
    made.chroot("systemctl", "enable", UNIT)
    made.chroot("systemctl", "mask", instance.GENERATE)
    made.boot()
    made.wait_for(lambda: "prod" in made.try_run("tctl", "nodes", "ls").stdout, real.READY_SECONDS, "its node")
    made.run("systemctl", "unmask", instance.GENERATE)
    made.path(f"/etc/systemd/system/{UNIT}").unlink()
    made.run("systemctl", "daemon-reload")
    return made


def test_it_is_adopted_without_a_restart_and_healthy_after_one(machine: Machine) -> None:
    process = machine.show(UNIT, "MainPID")["MainPID"]
    before = yaml.safe_load(machine.read("/etc/teleport.yaml"))
    found = json.loads(machine.run("teleport-bootstrap", "install-check", "--format", "json"))
    assert (found["role"], found["unit"], found["main_pid"]) == ("all-in-one", UNIT, int(process))
    assert found["can_be_adopted"] and found["restart_because"] is None, found
    machine.write("/etc/teleport.d/conf", found["conf"].replace("FILL-IN", "tp.acmeinc.com"), mode=0o600)
    machine.run("teleport-bootstrap", "adopt", seconds=120)
    machine.run("teleport-bootstrap", "generate", seconds=120)
    assert machine.show(UNIT, "MainPID") == {"MainPID": process}
    assert yaml.safe_load(machine.read("/etc/teleport.yaml")) == before

    machine.run("systemctl", "restart", UNIT, seconds=120)
    done = real.reconfigure(machine)
    assert done.returncode == 0, done.stdout + done.stderr
    real.assert_is_healthy(machine, UNIT)
    real.wait_for_label(machine, "env", "prod")
    assert real.status(machine)["state"] == "healthy"
    checks = json.loads(machine.try_run("teleport-bootstrap", "doctor", "--format", "json", seconds=300).stdout)
    errors = [each for each in checks["findings"] if each["severity"] == "error"]
    # There is no AWS behind this machine.
    assert all("teleport" not in each["code"] for each in errors), errors
