"""The user-data of the templates of CloudFormation boots to a healthy Teleport, for each kind of instance in them."""

from __future__ import annotations

import pytest

from tests.boot import instance, observe, ssm
from tests.boot.conftest import NewMachine
from tests.templates import setups


def test_an_instance_of_the_starter_serves(new_machine: NewMachine) -> None:
    machine = new_machine()
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine, user_data=setups.STARTER.filled().user_data("LaunchTemplate"))

    machine.boot()
    observe.wait_until_ready(machine, "teleport-acm.service")

    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    assert observe.markers(machine) == ["role.all-acm"]
    assert observe.fetch(machine, "http://127.0.0.1:3080/webapi/ping")[0] == 200


@pytest.mark.parametrize(
    ("launch_template", "unit", "marker"),
    [
        ("AuthLaunchTemplate", "teleport-auth.service", "role.auth"),
        ("ProxyLaunchTemplate", "teleport-proxy-acm.service", "role.proxy-acm"),
        ("NodeLaunchTemplate", "teleport-node.service", "role.node"),
    ],
)
def test_each_kind_of_instance_in_high_availability_gets_healthy(
    new_machine: NewMachine, launch_template: str, unit: str, marker: str
) -> None:
    machine = new_machine()
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    parameters = ssm.Ssm(machine)
    tokens = {f"/teleport/{setups.CLUSTER}/tokens/{role}": "0" * 32 for role in ("proxy", "node")}
    parameters.publish({**tokens, f"/teleport/{setups.CLUSTER}/ca-pin-hash": f"sha256:{'5e' * 32}"})
    instance.be_instance(machine, user_data=setups.HA.filled(NodeInstances="1").user_data(launch_template))

    machine.boot()
    observe.wait_until_ready(machine, unit)

    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    assert observe.markers(machine) == [marker]
