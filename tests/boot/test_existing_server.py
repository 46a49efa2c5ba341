"""Issue 19, point 7: a host on which Teleport's own package runs an agent comes under this agent without a restart."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
import yaml

from tests import documents
from tests.boot import instance, observe, runbook
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

PAGE = "docs/existing-server.md"
UNIT = "teleport.service"
# As Teleport's own packages have it.
PACKAGES_UNIT = """\
[Unit]
Description=Teleport Service
After=network.target

[Service]
Type=simple
Restart=always
RestartSec=5
EnvironmentFile=-/etc/default/teleport
ExecStart=/usr/local/bin/teleport start --config /etc/teleport.yaml --pid-file=/run/teleport.pid
ExecReload=/bin/sh -c "exec pkill -HUP -L -F /run/teleport.pid"
PIDFile=/run/teleport.pid
LimitNOFILE=524288

[Install]
WantedBy=multi-user.target
"""
TELEPORT_YAML = """\
version: v3
teleport:
  nodename: db-host-1
  data_dir: /var/lib/teleport
  proxy_server: tp.acmeinc.com:443
  join_params:
    method: iam
    token_name: fleet
  log:
    output: stderr
    severity: DEBUG
ssh_service:
  enabled: "yes"
  labels:
    env: prod
    team: core
auth_service:
  enabled: "no"
proxy_service:
  enabled: "no"
app_service:
  enabled: "yes"
  apps:
  - name: wiki
    uri: http://127.0.0.1:8080
"""


@pytest.fixture
def machine(new_machine: NewMachine) -> Machine:
    """A plain instance that runs Teleport by its own package, and to which the package of this agent was added."""
    made = new_machine()
    instance.without_cloud_init(made)
    instance.install_stand_in(made)
    instance.be_instance(made)
    made.write("/usr/lib/systemd/system/teleport.service", PACKAGES_UNIT)
    made.write("/etc/teleport.yaml", TELEPORT_YAML, mode=0o600)
    made.chroot("systemctl", "enable", UNIT)
    made.boot()
    made.wait_for(lambda: made.try_run("cat", "/run/teleport.pid").returncode == 0, 30, "a Teleport of its package")
    # As the package does: its teleport.service takes precedence, nothing is started.
    kept = made.read("/usr/lib/systemd/system/teleport.service")
    instance.install_agent(made)
    ours = made.path("/usr/lib/systemd/system/teleport.service")
    shutil.copy(ours, made.path("/etc/systemd/system/teleport.service"))
    ours.write_text(kept)
    made.run("systemctl", "daemon-reload")
    return made


def main_pid(machine: Machine) -> str:
    return machine.show(UNIT, "MainPID")["MainPID"]


def check(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.run("teleport-bootstrap", "install-check", "--format", "json"))
    return found


def test_issue_19_point_7_teleport_yaml_is_adopted_and_nothing_is_restarted(machine: Machine) -> None:
    process = main_pid(machine)
    assert process != "0"
    before = yaml.safe_load(machine.read("/etc/teleport.yaml"))

    found = check(machine)
    assert (found["role"], found["unit"], found["main_pid"]) == ("agent", UNIT, int(process))
    assert (found["can_be_adopted"], found["restart_because"], found["to_fill"]) == (True, None, [])
    assert not any(each["severity"] == "error" for each in found["findings"])
    assert "app_service.apps" not in found["overridden"] and "http://127.0.0.1:8080" in found["conf"]
    assert "teleport.log.severity" in found["overridden"]
    assert not machine.path("/etc/teleport.d/conf").exists(), "it only reads"

    # The steps, as the page has them.
    assert "A conf for this agent" in runbook.run(machine, documents.block(PAGE, "run", "check"))
    machine.write("/etc/teleport.d/conf", found["conf"], mode=0o600)
    runbook.run(machine, documents.block(PAGE, "run", "adopt"))
    assert main_pid(machine) == process
    assert yaml.safe_load(machine.read("/etc/teleport.yaml")) == before
    assert len(observe.starts(machine)) == 1
    assert observe.markers(machine) == ["role.agent"]

    planned = json.loads(machine.run("teleport-bootstrap", "plan", "--format", "json"))["teleport_yaml"]
    assert planned["app_service"] == before["app_service"]
    assert planned["ssh_service"]["labels"] == before["ssh_service"]["labels"]
    assert planned["teleport"]["join_params"] == before["teleport"]["join_params"]
    assert planned["teleport"]["log"]["severity"] == "DEBUG"

    # Later, at a time of one's own.
    runbook.run(machine, documents.block(PAGE, "run", "restart"), seconds=200)
    observe.wait_until_ready(machine, UNIT)
    assert main_pid(machine) != process
    status = json.loads(machine.run("teleport-bootstrap", "status", "--format", "json"))
    assert status["state"] == "healthy", status
    observe.assert_clean_boot(machine)
