"""From the answers to `init` to an auth server and a node that has joined, with the confs that it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boot import network
from tests.boot.conftest import NewMachine
from tests.boot.test_init import written
from tests.real_teleport import real

UNITS = {"auth": "teleport-auth.service", "node": "teleport-node.service"}


@pytest.fixture
def switch() -> Iterator[network.Network]:
    with network.new() as made:
        yield made


def test_an_auth_server_and_a_node_come_up_with_what_init_has_written(
    new_machine: NewMachine, switch: network.Network, tmp_path: Path
) -> None:
    files = written(tmp_path)
    machines = {}
    for number, role in enumerate(UNITS, 1):
        conf = (files / role / "teleport.conf").read_text("utf-8")
        # There is neither DynamoDB nor S3.
        overrides = {"storage": real.LOCAL_STORAGE} if role == "auth" else {}
        machines[role] = real.machine(new_machine, conf, switch=switch, number=number, overrides=overrides)
        names = f"{switch.address(1)} auth.teleport.acmeinc.com\n"
        machines[role].write("/etc/hosts", f"127.0.0.1 localhost\n{names}")
    auth, node = machines["auth"], machines["node"]
    switch.make_locks_table("teleport.acmeinc.com-locks")
    auth.boot()
    real.wait_until_ready(auth, UNITS["auth"])
    auth.run("systemctl", "start", "teleport-ssm-publish-tokens.service", seconds=120)
    node.boot()
    node.run("systemctl", "restart", "teleport-fetch-secrets.service", seconds=120)
    real.wait_until_ready(node, UNITS["node"])
    for role, machine in machines.items():
        real.assert_is_healthy(machine, UNITS[role])
    listed = auth.run("tctl", "nodes", "ls", "--format=text")
    assert switch.address(2) in listed
    # As the last step of NEXT-STEPS.md.
    said = auth.run("teleport-bootstrap", "first-admin", "alice", "--logins", "ec2-user", seconds=120)
    assert "https://teleport.acmeinc.com" in said
