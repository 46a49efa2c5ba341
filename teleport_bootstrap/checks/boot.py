"""Checks what became of this boot: user-data, and units that systemd left out of it."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.checks import host_facts
from teleport_bootstrap.checks.host_facts import ABSENT, HostFacts
from teleport_bootstrap.finding import NOTE, Finding
from teleport_bootstrap.host import boot_order, cloud_init, systemd
from teleport_bootstrap.instance import user_data


def check(host: HostFacts) -> Iterator[Finding]:
    """Report why user-data has written no conf, that it failed after that, and why nothing has started Teleport.

    On a configured host it is a note that user-data failed, or was left out: Teleport needs nothing of it but the conf.
    """
    if host.is_unconfigured and host.conf.state == ABSENT:
        yield from user_data.why_no_conf(host.root)
        return
    found = cloud_init.noted(host.root)
    if found.errors:
        yield user_data.failed(host.root, found.errors, NOTE)
    elif found.state == cloud_init.RUNNING and host.units:
        left_out = user_data.left_out(cloud_init.TARGET)
        if left_out:
            yield user_data.without_user_data(left_out, NOTE)
    if host.units and not host_facts.is_running(host.unit_state):
        ours = {host.unit, host_facts.GENERATE_SERVICE}
        units = tuple(each for each in user_data.left_out(systemd.BOOT) if each in ours)
        # Without a circle it may have been enabled after the boot.
        if any(map(boot_order.cycle, units)):
            yield user_data.not_started(units, "without which no Teleport runs", "starts it")
