"""Teleport's unit has the files it waits for, runs, starts at the next boot, and reports that it is ready."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.change import pending_files
from teleport_bootstrap.checks import host_facts
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.host import probe, systemd


def check(host: host_facts.HostFacts) -> Iterator[Finding]:
    """Report pending files, a failing service or unit, and a Teleport that is not ready."""
    if host.conf.wanted is not None:
        described = pending_files.describe(host.root, host.conf.wanted)
        yield from (Finding(ERROR, "file-pending", path, message) for path, message in zip(host.pending, described))
    if host.units.get(host_facts.GENERATE_SERVICE, systemd.State()).is_failing:
        yield failing_service(ERROR, host_facts.GENERATE_SERVICE)
    if not host.units or host.unit is None:
        return
    unit, state, log = host.unit, host.unit_state, f"see `journalctl -b -u {host.unit}`"
    if unit not in host.units:
        yield Finding(ERROR, "unit-missing", unit, f"{unit} is not installed")
    elif not host_facts.is_running(state):
        restarts = ", and restarts again and again" if state.is_failing and state.active != "failed" else ""
        waits = " until the files above arrive" if host.pending else ""
        yield Finding(
            ERROR, "unit-not-running", unit, f"{unit} is {state.active}{restarts}{waits}", "" if host.pending else log
        )
    else:
        if state.enablement != "enabled":
            message = f"{unit} is {state.enablement}, and does not start at the next boot"
            yield Finding(WARNING, "unit-disabled", unit, message, f"run `systemctl enable {unit}`")
        if host.readiness != probe.READY:
            yield Finding(ERROR, "teleport-not-ready", unit, f"Teleport is {host.readiness}", log)


def failing_service(severity: str, service: str) -> Finding:
    """Return the finding for a service that failed, or fails each time it is started."""
    return Finding(severity, "service-failing", service, f"{service} fails", f"see `journalctl -b -u {service}`")
