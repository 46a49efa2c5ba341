"""A metadata service that this host itself refuses to reach: real routes of each kind."""

from __future__ import annotations

import time

import pytest

from tests.boot import instance, trees
from tests.boot.conftest import NewMachine

ADDRESS = "169.254.169.254"
SAYS = {
    "prohibit": ("(EACCES)", "systemd.imds.network=unlocked"),
    "blackhole": ("(EINVAL)", f"`ip route get {ADDRESS}`, and remove it"),
    "unreachable": ("(EHOSTUNREACH)", "`nft list ruleset`"),
    "throw": ("(ENETUNREACH)", "`ip -brief address`"),
}


@pytest.mark.parametrize("release", ["bullseye", trees.TESTING])
def test_issue_17_row_8_a_connection_that_is_refused_here_ends_the_wait(new_machine: NewMachine, release: str) -> None:
    machine = new_machine(release)
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF)
    # As systemd does it for systemd.imds.network=locked.
    machine.write(
        "/etc/systemd/system/locked.service",
        "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\n"
        f"ExecStart=/bin/ip route add prohibit {ADDRESS}/32\n[Install]\nWantedBy=sysinit.target\n",
    )
    machine.chroot("systemctl", "enable", "locked.service")

    machine.boot()

    machine.wait_for(lambda: "(EACCES)" in machine.console(), 20, "the reason on the console")
    assert "systemd.imds.network=unlocked" in machine.console()
    machine.run("systemctl", "stop", instance.GENERATE)
    for kind, (named, remedy) in SAYS.items():
        machine.run("ip", "route", "flush", "root", f"{ADDRESS}/32")
        machine.run("ip", "route", "add", kind, f"{ADDRESS}/32")
        began = time.monotonic()
        done = machine.try_run("teleport-bootstrap", "metadata", "instance-id")
        assert done.returncode == 3 and named in done.stderr and remedy in done.stderr, (kind, done.stderr)
        assert time.monotonic() - began < 30, kind
