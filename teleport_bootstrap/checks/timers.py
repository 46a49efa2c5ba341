"""Checks that timers are enabled and active, and that what they start succeeds."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.checks.host_facts import HostFacts, log_of, service_failing
from teleport_bootstrap.finding import WARNING, Finding
from teleport_bootstrap.host import systemd


def check(host: HostFacts) -> Iterator[Finding]:
    """Report timers that are disabled or stopped, services that fail, and jobs that failed or are overdue."""
    for timer in host.expected_timers if host.units else ():
        if not systemd.is_installed(host.root, timer):
            continue
        state, service = host.state_of(timer), systemd.service_of(timer)
        if state.enablement != "enabled":
            unmask = f"systemctl unmask {timer} && " if state.enablement.startswith("masked") else ""
            remedy = f"run `{unmask}systemctl enable --now {timer}`"
            yield Finding(WARNING, "timer-disabled", timer, f"{timer} is {state.enablement}", remedy)
        elif state.active != "active":
            remedy = f"run `systemctl start {timer}`"
            yield Finding(WARNING, "timer-stopped", timer, f"{timer} is {state.active}", remedy)
        if host.state_of(service).is_failing:
            yield service_failing(WARNING, service)
    # Records of other jobs are left over: from a former role of this host, or from a command run once.
    for job in host.jobs:
        matters = job.timer in {*host.expected_timers, *host.timers} or not job.is_periodic
        trouble = job.trouble(host.now) if matters else None
        if trouble is not None:
            yield Finding(WARNING, "job-failing", job.name, trouble, log_of(systemd.service_of(job.timer)))
