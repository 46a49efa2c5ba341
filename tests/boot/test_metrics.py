"""docs/monitoring.md on a booted machine: the timer and the sandboxed unit write the numbers of a running Teleport."""

from __future__ import annotations

import time

import pytest

from tests import documents
from tests.boot import applied, instance, observe, runbook
from tests.boot.conftest import NewMachine

FILE = "/var/lib/prometheus/node-exporter/teleport-bootstrap.prom"
TIMER = "teleport-metrics.timer"
SERVICE = "teleport-metrics.service"


@pytest.mark.timeout(600)
def test_issue_18_point_5_the_numbers_of_a_running_teleport(new_machine: NewMachine) -> None:
    machine = new_machine("bookworm")
    instance.install_agent(machine)
    instance.install_stand_in(machine, where=applied.BAD)
    instance.be_instance(machine, user_data=documents.block("docs/guide.md", "user-data", "instance").text)
    machine.boot()
    observe.wait_until_ready(machine, applied.ACM)
    assert not machine.is_enabled(TIMER)

    (block,) = documents.blocks("docs/monitoring.md", "run")
    said = runbook.run(machine, block)
    assert 'teleport_bootstrap_state{state="healthy"} 1' in said, said
    assert "teleport_bootstrap_teleport_ready 1" in said and 'role="all-in-one"' in said
    assert "teleport_bootstrap_drifted 0" in said
    assert oct(machine.path(FILE).stat().st_mode)[-3:] == "644"
    assert "active" in machine.run("systemctl", "is-active", TIMER)

    # The timer itself, and a drop-in that names another directory.
    drop_in = documents.block("docs/monitoring.md", "checked", "drop-in").text
    machine.write("/etc/systemd/system/teleport-metrics.service.d/file.conf", drop_in)
    machine.run("install", "-d", "/srv/node-exporter")
    machine.run("systemctl", "daemon-reload")
    other = machine.path("/srv/node-exporter/teleport-bootstrap.prom")
    until = time.monotonic() + 150
    while not other.exists() and time.monotonic() < until:
        time.sleep(1)
    assert 'state="healthy"} 1' in other.read_text()

    machine.run("systemctl", "stop", applied.ACM)
    machine.run("systemctl", "start", SERVICE)
    assert 'state="broken"} 1' in other.read_text() and "teleport_bootstrap_teleport_running 0" in other.read_text()
