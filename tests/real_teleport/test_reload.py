"""`reconfigure` with reloads of a real Teleport: good ones, and successors that end early or late."""

from __future__ import annotations

import pytest
import yaml

from tests.boot import observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.real_teleport import real
from tests.real_teleport.test_first_boot import PLAIN

UNIT = "teleport.service"
OVERRIDES = "/etc/teleport.d/teleport.yaml.d"

DATABASES = """\
db_service:
  enabled: yes
  databases:
  - name: orders
    protocol: postgres
    uri: db.example.com:5432
"""
# Teleport takes it for RDS, and downloads a bundle of certificates, for which there is no network here. The service
# fails after the process has written its pid file and was ready; then all of it ends.
LATE = f"{DATABASES}    aws:\n      region: eu-west-1\n"


@pytest.fixture
def machine(new_machine: NewMachine) -> Machine:
    made = real.machine(new_machine, PLAIN, overrides={"databases": DATABASES})
    made.boot()
    real.wait_until_ready(made, UNIT)
    real.assert_is_healthy(made, UNIT)
    return made


def assert_serves(made: Machine) -> None:
    assert made.state(UNIT) == "active"
    proxy = yaml.safe_load(made.read("/etc/teleport.yaml"))["proxy_service"]
    port = proxy["web_listen_addr"].rpartition(":")[2]
    assert observe.fetch(made, f"https://127.0.0.1:{port}/webapi/ping")[0] == 200


def test_a_good_reload_is_applied(machine: Machine) -> None:
    before = real.pid(machine)
    real.add(machine, 'TELEPORT_SSH_LABELS="mood: good"\n')
    done = real.reconfigure(machine)
    assert done.returncode == 0, done.stderr
    assert f"reloaded {UNIT}" in done.stdout
    assert real.pid(machine) != before
    real.wait_for_label(machine, "mood", "good")
    assert_serves(machine)
    # A second one, whose predecessor may still be draining.
    real.add(machine, 'TELEPORT_SSH_LABELS="mood: better"\n')
    done = real.reconfigure(machine)
    assert done.returncode == 0, done.stderr
    assert_serves(machine)
    real.wait_for_label(machine, "mood", "better")


def test_a_successor_that_cannot_start_is_rolled_back(machine: Machine) -> None:
    """It ends before it writes its pid file: what it opens is not a database any more."""
    before, text = real.pid(machine), machine.read("/etc/teleport.yaml")
    database = "/var/lib/teleport/proc/sqlite.db"
    machine.run("sh", "-c", f"mv {database} {database}.kept && echo damaged >{database}")
    real.add(machine, 'TELEPORT_SSH_LABELS="mood: bad"\n')
    done = real.reconfigure(machine)
    assert done.returncode == 13, done.stdout + done.stderr
    assert machine.read("/etc/teleport.yaml") == text
    assert real.pid(machine) == before
    assert_serves(machine)


def test_row_h_a_successor_that_ends_after_writing_its_pid_file_is_rolled_back(machine: Machine) -> None:
    """And the correction right after it is applied, as row A asks."""
    text = machine.read("/etc/teleport.yaml")
    machine.write(f"{OVERRIDES}/databases.yaml", LATE, mode=0o600)
    done = real.reconfigure(machine)
    assert done.returncode == 13, done.stdout + done.stderr
    assert machine.read("/etc/teleport.yaml") == text
    assert_serves(machine)

    machine.write(f"{OVERRIDES}/databases.yaml", DATABASES, mode=0o600)
    real.add(machine, 'TELEPORT_SSH_LABELS="mood: corrected"\n')
    done = real.reconfigure(machine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_serves(machine)


def test_row_i_a_restart_that_ends_late_is_rolled_back(machine: Machine) -> None:
    text = machine.read("/etc/teleport.yaml")
    machine.write(f"{OVERRIDES}/databases.yaml", LATE, mode=0o600)
    real.add(machine, "TELEPORT_EXTERNAL_PORT=8443\n")
    done = real.reconfigure(machine)
    assert done.returncode == 13, done.stdout + done.stderr
    assert machine.read("/etc/teleport.yaml") == text
    assert_serves(machine)
