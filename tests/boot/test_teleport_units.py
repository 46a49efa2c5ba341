"""Teleport's own units on a booted machine: each with its marker only, each reloadable, none giving up."""

from __future__ import annotations

import os
import stat

import pytest

from tests.boot import instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

# Unit, the marker it waits for, the account it runs as.
UNITS = [
    ("teleport.service", "role.all", "root"),
    ("teleport.service", "role.agent", "root"),
    ("teleport-acm.service", "role.all-acm", "root"),
    ("teleport-auth.service", "role.auth", "teleport"),
    ("teleport-proxy.service", "role.proxy", "teleport"),
    ("teleport-proxy-acm.service", "role.proxy-acm", "teleport"),
    ("teleport-node.service", "role.node", "root"),
]

# Serves on a privileged port too, which takes a capability where Teleport is not root.
TELEPORT_YAML = """\
version: v3
teleport:
  data_dir: /var/lib/teleport
auth_service:
  enabled: "yes"
  listen_addr: 127.0.0.1:3025
ssh_service:
  enabled: "no"
proxy_service:
  enabled: "yes"
  web_listen_addr: 127.0.0.1:443
"""


@pytest.fixture(scope="module")
def machine(new_shared_machine: NewMachine) -> Machine:
    """A machine that is up, with a configuration but no role yet."""
    machine = new_shared_machine()
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    machine.chroot("systemctl", "disable", instance.GENERATE)
    machine.write("/etc/teleport.yaml", TELEPORT_YAML, mode=0o644)
    machine.boot()
    return machine


@pytest.fixture
def clean(machine: Machine) -> Machine:
    """The same, with nothing left of an earlier test."""
    for unit, marker, _ in UNITS:
        machine.run("systemctl", "stop", unit)
        machine.path(f"/etc/teleport.d/{marker}").unlink(missing_ok=True)
    machine.run("rm", "-rf", "/var/lib/teleport", "/var/lib/teleport-bootstrap", "/var/lib/teleport-stand-in.log")
    machine.path("/var/lib/teleport").mkdir(mode=0o700)
    return machine


@pytest.mark.parametrize(("unit", "marker", "account"), UNITS)
def test_a_unit_runs_as_its_account_and_survives_reload_kill_and_restart(
    clean: Machine, unit: str, marker: str, account: str
) -> None:
    clean.write(f"/etc/teleport.d/{marker}", marker[5:] + "\n")
    clean.write("/var/lib/teleport-bootstrap/unit.env", "TELEPORT_START_FLAGS=--insecure-no-tls\n", mode=0o600)
    clean.run("systemctl", "start", unit)
    observe.wait_until_ready(clean, unit)
    first = _pid(clean)
    assert clean.run("ps", "-o", "user=", "-p", first).strip() == account
    arguments = clean.run("ps", "-o", "args=", "-p", first).split()
    assert arguments[-5:] == [
        "start",
        "--config=/etc/teleport.yaml",
        "--diag-addr=127.0.0.1:3000",
        "--pid-file=/run/teleport/teleport.pid",
        "--insecure-no-tls",
    ]
    data = clean.path("/var/lib/teleport").stat()
    assert stat.S_IMODE(data.st_mode) == 0o700

    clean.run("systemctl", "reload", unit)
    clean.wait_for(lambda: _pid(clean) not in ("", first), 10, "a successor")
    second = _pid(clean)
    clean.wait_for(lambda: clean.show(unit, "MainPID")["MainPID"] == second, 10, "the successor as main process")
    assert clean.state(unit) == "active"
    assert clean.show(unit, "NRestarts")["NRestarts"] == "0"

    clean.run("systemctl", "restart", unit)
    observe.wait_until_ready(clean, unit)
    clean.run("systemctl", "stop", unit)
    assert clean.try_run("pgrep", "-f", "teleport start").returncode == 1, "a stop leaves no process behind"


@pytest.mark.parametrize("unit", sorted({unit for unit, _, _ in UNITS}))
def test_a_unit_without_its_marker_does_not_start_and_reports_why(clean: Machine, unit: str) -> None:
    for other, marker, _ in UNITS:
        if other != unit:
            clean.write(f"/etc/teleport.d/{marker}", marker[5:] + "\n")

    clean.run("systemctl", "start", unit)

    facts = clean.show(unit, "ActiveState", "ConditionResult")
    assert facts == {"ActiveState": "inactive", "ConditionResult": "no"}
    assert observe.starts(clean) == []


def test_an_auth_server_starts_again_after_its_data_directory_was_deleted(clean: Machine) -> None:
    clean.write("/etc/teleport.d/role.auth", "auth\n")
    clean.run("rm", "-rf", "/var/lib/teleport")

    clean.run("systemctl", "start", "teleport-auth.service")

    observe.wait_until_ready(clean, "teleport-auth.service")
    assert clean.run("stat", "-c", "%a %U %G", "/var/lib/teleport").strip() == "700 teleport teleport"


def test_a_teleport_that_exits_at_once_is_restarted_without_limit(clean: Machine) -> None:
    clean.write("/etc/teleport.d/role.all", "all\n")
    # Faster than any limit that systemd would set by default: 5 starts in 10 seconds.
    clean.write("/etc/systemd/system/teleport.service.d/test.conf", "[Service]\nRestartSec=50ms\n")
    instance.install_stand_in(clean, start="exit")
    clean.run("systemctl", "daemon-reload")
    try:
        clean.run("systemctl", "start", "teleport.service")
        clean.wait_for(lambda: len(observe.starts(clean)) > 7, 20, "the eighth start")
        instance.install_stand_in(clean)
        observe.wait_until_ready(clean, "teleport.service")
    finally:
        instance.install_stand_in(clean)
        os.unlink(clean.path("/etc/systemd/system/teleport.service.d/test.conf"))
        clean.run("systemctl", "daemon-reload")


def test_finds_teleport_in_the_directory_of_newer_packages(clean: Machine) -> None:
    clean.write("/etc/teleport.d/role.all", "all\n")
    clean.path("/usr/local/bin/teleport").unlink()
    instance.install_stand_in(clean, directory="/opt/teleport/system/bin")
    try:
        clean.run("systemctl", "start", "teleport.service")
        observe.wait_until_ready(clean, "teleport.service")
    finally:
        clean.path("/opt/teleport/system/bin/teleport").unlink()
        instance.install_stand_in(clean)


def test_the_operators_environment_reaches_teleport(clean: Machine) -> None:
    clean.write("/etc/teleport.d/role.all", "all\n")
    clean.write("/etc/default/teleport", "HTTPS_PROXY=http://proxy.example:3128\n")

    clean.run("systemctl", "start", "teleport.service")
    observe.wait_until_ready(clean, "teleport.service")

    environment = clean.run("cat", f"/proc/{_pid(clean)}/environ").split("\0")
    assert "HTTPS_PROXY=http://proxy.example:3128" in environment
    clean.path("/etc/default/teleport").unlink()


def test_without_start_flags_nothing_empty_reaches_teleport(clean: Machine) -> None:
    clean.write("/etc/teleport.d/role.all", "all\n")

    clean.run("systemctl", "start", "teleport.service")
    observe.wait_until_ready(clean, "teleport.service")

    assert observe.starts(clean)[-1]["argv"][-1] == "--pid-file=/run/teleport/teleport.pid"
    assert "TELEPORT_START_FLAGS" not in clean.journal("-u", "teleport.service"), "a warning about an unset variable"


def _pid(machine: Machine) -> str:
    return machine.try_run("cat", "/run/teleport/teleport.pid").stdout.strip()
