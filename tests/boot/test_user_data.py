"""User-data that calls the agent itself, from inside the very unit that the agent's units wait for."""

from __future__ import annotations

import pytest

from tests.boot import instance, observe, trees
from tests.boot.conftest import NewMachine


# From cloud-init 24.3 on, user-data runs in a process of another unit than cloud-final.service.
@pytest.mark.parametrize("release", ["bookworm", trees.TESTING])
@pytest.mark.parametrize("ordering", ["after-multi-user", "amazon-linux"])
def test_user_data_that_calls_generate_does_not_deadlock(new_machine: NewMachine, ordering: str, release: str) -> None:
    machine = new_machine(release)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    calls = "set -e\nteleport-bootstrap generate\ntouch /var/lib/user-data-went-on\n"
    instance.be_instance(machine, user_data=instance.GUIDE_USER_DATA + calls)
    if ordering == "amazon-linux":
        instance.order_cloud_final_as_amazon_linux_does(machine)

    machine.boot()
    observe.wait_until_ready(machine, "teleport-acm.service")

    assert machine.path("/var/lib/user-data-went-on").exists()
    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    assert len(observe.starts(machine)) == 1
