"""The first boot of each role and mode that needs no other host; the others are in test_cluster.py."""

from __future__ import annotations

import pytest

from tests.boot import instance, observe
from tests.boot.conftest import NewMachine
from tests.real_teleport import real

AUTH = (
    "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\n"
    "TELEPORT_LOCKS_TABLE_NAME=locks-1\nUSE_LETSENCRYPT=false\n"
)
PLAIN = f"{instance.PLAIN_CONF}USE_LETSENCRYPT=false\n"

MODES = {
    "all-in-one": (PLAIN, "teleport.service", {}),
    "all-in-one, by its word": (f"TELEPORT_ROLE=auth,node,proxy\n{PLAIN}", "teleport.service", {}),
    "all-in-one, TLS routing": (f"{PLAIN}USE_TLS_ROUTING=true\n", "teleport.service", {}),
    "all-in-one, ACM": (f"{instance.PLAIN_CONF}USE_ACM=true\n", "teleport-acm.service", {}),
    "all-in-one, GitHub": (f"{PLAIN}TELEPORT_AUTH_TYPE=github\n", "teleport.service", {}),
    "auth": (AUTH, "teleport-auth.service", {"storage": real.LOCAL_STORAGE}),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_first_boot_ends_in_a_teleport_that_serves(new_machine: NewMachine, mode: str) -> None:
    conf, unit, overrides = MODES[mode]
    machine = real.machine(new_machine, conf, overrides=overrides)
    machine.boot()
    real.wait_until_ready(machine, unit)

    observe.assert_generated(machine)
    if mode == "all-in-one, GitHub":
        (finding,) = real.wait_for_findings(machine, ["web-port"])
        assert "tctl create" in finding["message"]
    else:
        real.assert_is_healthy(machine, unit)
    # Row C.
    assert "teleport[" in machine.journal("-t", "teleport")
    machine.reboot()
    real.wait_until_ready(machine, unit)


def test_an_edit_that_says_the_same_is_unchanged(new_machine: NewMachine) -> None:
    """Row L."""
    machine = real.machine(new_machine, PLAIN)
    machine.boot()
    real.wait_until_ready(machine, "teleport.service")
    before = real.pid(machine)
    machine.write("/etc/teleport.d/conf", f"# a comment\n{PLAIN}", mode=0o600)
    assert "nothing has changed" in real.reconfigure(machine).stdout
    real.assert_is_healthy(machine, "teleport.service")
    assert real.pid(machine) == before


def test_row_o_teleports_own_acme_is_healthy_before_it_has_a_certificate(new_machine: NewMachine) -> None:
    """The authority cannot be reached from here, so that every handshake ends by an alert."""
    machine = real.machine(new_machine, PLAIN)
    machine.boot()
    real.wait_until_ready(machine, "teleport.service")
    acme = "proxy_service:\n  acme:\n    enabled: yes\n    email: admin@example.com\n"
    machine.write("/etc/teleport.d/teleport.yaml.d/acme.yaml", acme, mode=0o600)
    done = real.reconfigure(machine)
    assert done.returncode == 0, done.stderr
    real.assert_is_healthy(machine, "teleport.service")


def test_row_d_an_authentication_without_its_connector_is_applied_with_a_note(new_machine: NewMachine) -> None:
    machine = real.machine(new_machine, PLAIN)
    machine.boot()
    real.wait_until_ready(machine, "teleport.service")
    real.add(machine, "TELEPORT_AUTH_TYPE=github\n")
    done = real.reconfigure(machine)
    assert done.returncode == 0, done.stderr
    assert "tctl create" in done.stdout + done.stderr
