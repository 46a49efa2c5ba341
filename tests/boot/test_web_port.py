"""`reconfigure` and `status` where the proxy's web port answers otherwise than with 200, although it serves."""

from __future__ import annotations

import json

from tests.boot import applied
from tests.boot.conftest import NewMachine

ACME = "proxy_service:\n  acme:\n    enabled: yes\n    email: admin@teleport.acmeinc.com\n"


def test_row_d_an_authentication_without_its_connector_is_applied_with_a_note(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    applied.add(machine, "TELEPORT_AUTH_TYPE=github\n")

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert (applied.current(machine)["generation"], applied.current(machine)["confirmed"]) == (2, True)
    assert "tctl create" in done.stdout + done.stderr and "200-499" in done.stdout + done.stderr
    status = machine.try_run("teleport-bootstrap", "status", "--format", "json")
    (finding,) = json.loads(status.stdout)["findings"]
    assert finding["code"] == "web-port" and "tctl create" in finding["message"] and "matcher" in finding["message"]


def test_row_o_teleports_own_acme_is_healthy_before_it_has_a_certificate(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine, authority="refuses")
    applied.add(machine, "USE_LETSENCRYPT=false\n")
    machine.write("/etc/teleport.d/teleport.yaml.d/acme.yaml", ACME, mode=0o600)

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert "DANGER" not in done.stdout
    assert applied.current(machine)["confirmed"] is True
    assert machine.try_run("teleport-bootstrap", "status").returncode == 0
