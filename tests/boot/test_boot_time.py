"""What a first boot asks of systemd, which takes more of its time than anything that this agent computes."""

from __future__ import annotations

import re

import pytest

from tests.boot import instance, observe, ssm, trees
from tests.boot.conftest import NewMachine

NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
PARAMETERS = {
    "/teleport/cluster-1/tokens/node": "planted-token",
    "/teleport/cluster-1/ca-pin-hash": f"sha256:{'1' * 64}",
}
UNIT = "teleport-node.service"


@pytest.mark.parametrize("release", trees.SAMPLED)
def test_issue_16_point_7_a_first_boot_lets_systemd_read_its_files_once(new_machine: NewMachine, release: str) -> None:
    """The drop-in of the node is new, and its unit is enabled: systemd reads all files again for either."""
    machine = new_machine(release)
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine)
    machine.write("/etc/teleport.d/conf", NODE)
    ssm.Ssm(machine).publish(PARAMETERS)

    machine.boot()
    observe.wait_until_ready(machine, UNIT)

    observe.assert_generated(machine)
    said = machine.journal("_PID=1").splitlines()
    assert len([line for line in said if re.search(r": Reloading\.+$", line)]) == 1, "\n".join(said[-60:])
    # It has read the drop-in that says what Teleport waits for, and the links that enable the unit.
    shown = machine.show(UNIT, "DropInPaths", "NeedDaemonReload", "UnitFileState")
    assert f"/etc/systemd/system/{UNIT}.d/50-teleport-bootstrap.conf" in shown["DropInPaths"].split()
    assert (shown["NeedDaemonReload"], shown["UnitFileState"]) == ("no", "enabled")
