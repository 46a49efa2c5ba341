"""From the guide's user-data to a Teleport that serves, on each systemd, with each ordering of cloud-init."""

from __future__ import annotations

import json

import pytest

from tests.boot import instance, observe, trees
from tests.boot.conftest import NewMachine

EVERY_RELEASE = pytest.mark.parametrize("release", trees.RELEASES)


@EVERY_RELEASE
@pytest.mark.parametrize("ordering", ["after-multi-user", "amazon-linux"])
def test_the_guides_user_data_ends_in_a_serving_teleport_acm(
    new_machine: NewMachine, release: str, ordering: str
) -> None:
    machine = new_machine(release)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine, user_data=instance.GUIDE_USER_DATA)
    if ordering == "amazon-linux":
        instance.order_cloud_final_as_amazon_linux_does(machine)

    machine.boot()
    observe.wait_until_ready(machine, "teleport-acm.service")

    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    assert machine.state("cloud-final.service") == "active"
    assert observe.markers(machine) == ["role.all-acm"]
    assert machine.is_enabled("teleport-acm.service")
    assert machine.state("teleport.service") == "inactive"
    assert not machine.is_enabled("teleport.service")
    assert "--insecure-no-tls" in observe.starts(machine)[-1]["argv"]
    status, body = observe.fetch(machine, "http://127.0.0.1:3080/webapi/ping")
    assert (status, json.loads(body)["server_version"]) == (200, "17.5.1")


@EVERY_RELEASE
def test_without_cloud_init_a_conf_from_elsewhere_ends_in_a_serving_teleport(
    new_machine: NewMachine, release: str
) -> None:
    machine = new_machine(release)
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine)
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF)

    machine.boot()
    observe.wait_until_ready(machine, "teleport.service")

    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    assert observe.markers(machine) == ["role.all"]
    assert "--insecure-no-tls" not in observe.starts(machine)[-1]["argv"]
    assert observe.fetch(machine, "https://127.0.0.1:443/webapi/ping")[0] == 200


@EVERY_RELEASE
def test_each_systemd_reads_the_units_without_warnings(new_machine: NewMachine, release: str) -> None:
    machine = new_machine(release)
    instance.install_agent(machine)
    units = [file.name for file in instance.UNITS.iterdir() if file.suffix != ".preset"]

    machine.boot()
    done = machine.try_run("systemd-analyze", "verify", "--man=no", *units)

    ours = [line for line in done.stderr.splitlines() if "teleport" in line]
    assert (ours, done.returncode) == ([], 0)


def test_no_secret_and_no_configuration_is_readable_by_others(new_machine: NewMachine) -> None:
    machine = new_machine()
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine)
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF)

    machine.boot()
    observe.wait_until_ready(machine, "teleport.service")

    for path, expected in {
        "/etc/teleport.yaml": "600 root root",
        "/etc/teleport.d": "755 root root",
        "/etc/teleport.d/role.all": "644 root root",
        "/var/lib/teleport": "700 root root",
        "/var/lib/teleport-bootstrap": "700 root root",
        "/var/lib/teleport-bootstrap/unit.env": "600 root root",
    }.items():
        assert machine.run("stat", "-c", "%a %U %G", path).strip() == expected, path
