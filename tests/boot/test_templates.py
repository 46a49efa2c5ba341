"""The user-data of the templates of CloudFormation boots to a healthy Teleport, for each kind of instance in them."""

from __future__ import annotations

from tests.boot import instance, observe
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
