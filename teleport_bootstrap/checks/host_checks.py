"""Teleport is installed, runs, and starts at the next boot; restore, timers and certificates are as they should be."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.change import needed_files
from teleport_bootstrap.checks import host_facts
from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.host import probe, systemd
from teleport_bootstrap.state import restore_record

# Let's Encrypt's certificates are renewed a month before they expire; one that is this close to it was not renewed.
RENEWED_BEFORE_SECONDS = 14 * 24 * 3600


def installation(host: HostFacts) -> Iterator[Finding]:
    """Report a missing binary, a missing teleport.yaml, and a number of role markers other than one."""
    if host.binary is None:
        yield Finding(ERROR, "teleport-missing", "teleport", "no teleport binary is installed", "install Teleport")
    if host.conf.pending_restore is not None:
        return  # the restore brings both
    if not host.has_teleport_yaml:
        path, remedy = host.root.path(paths.TELEPORT_YAML), "run `teleport-bootstrap generate`"
        yield Finding(ERROR, "teleport-yaml-missing", path, f"{path} does not exist", remedy)
    if len(host.markers) != 1:
        path = host.root.path(paths.CONF_DIRECTORY)
        yield Finding(ERROR, "role-markers", path, f"{path} must have one role marker, but has {len(host.markers)}")


def restore_state(host: HostFacts) -> str:
    """Return how a restore that the conf asks for stands: failed, under way, or pending."""
    unit = host.state_of(restore_record.RESTORE_SERVICE)
    return "failed" if unit.is_failing else "under way" if unit.active == "activating" else "pending"


def restore(host: HostFacts) -> Iterator[Finding]:
    """Report a restore that the conf asks for and that has not been made yet."""
    if host.conf.pending_restore is not None:
        path, state = host.root.path(paths.CONF), restore_state(host)
        message = f"{path} asks to restore {host.conf.pending_restore}, which has not been restored yet ({state})"
        log = f"{_log(restore_record.RESTORE_SERVICE)}; " if state == "failed" else ""
        yield Finding(ERROR, "restore-pending", path, message, log + restore_record.way_out(host.root))


def teleport_unit(host: HostFacts) -> Iterator[Finding]:
    """Report pending files, a failing service or unit, and a Teleport that is not ready."""
    if host.conf.wanted is not None:
        described = needed_files.describe_pending(host.root, host.conf.wanted)
        yield from (Finding(ERROR, "file-pending", path, message) for path, message in zip(host.pending, described))
    if host.state_of(host_facts.GENERATE_SERVICE).is_failing:
        yield _failing(ERROR, host_facts.GENERATE_SERVICE)
    if not host.units or host.unit is None:
        return
    unit, state = host.unit, host.unit_state
    if unit not in host.units:
        yield Finding(ERROR, "unit-missing", unit, f"{unit} is not installed")
    elif not host_facts.is_running(state):
        restarts = ", and restarts again and again" if state.is_failing and state.active != "failed" else ""
        waits = " until the files above arrive" if host.pending else ""
        message = f"{unit} is {state.active}{restarts}{waits}"
        yield Finding(ERROR, "unit-not-running", unit, message, "" if host.pending else _log(unit))
    else:
        if state.enablement != "enabled":
            message = f"{unit} is {state.enablement}, and does not start at the next boot"
            yield Finding(WARNING, "unit-disabled", unit, message, f"run `systemctl enable {unit}`")
        if host.readiness != probe.READY:
            yield Finding(ERROR, "teleport-not-ready", unit, f"Teleport is {host.readiness}", _log(unit))


def timers(host: HostFacts) -> Iterator[Finding]:
    """Report timers that are disabled or stopped, services that fail, and jobs that failed or are overdue."""
    for timer in host.expected_timers if host.units else ():
        if not systemd.is_installed(host.root, timer):
            continue
        state, service = host.state_of(timer), systemd.service_of(timer)
        if state.enablement != "enabled":
            remedy = f"run `systemctl enable --now {timer}`"
            yield Finding(WARNING, "timer-disabled", timer, f"{timer} is {state.enablement}", remedy)
        elif state.active != "active":
            remedy = f"run `systemctl start {timer}`"
            yield Finding(WARNING, "timer-stopped", timer, f"{timer} is {state.active}", remedy)
        if host.state_of(service).is_failing:
            yield _failing(WARNING, service)
    # Records of other jobs are left over: from a former role of this host, or from a command run once.
    for job in host.jobs:
        trouble = job.trouble(host.now) if job.timer in {*host.expected_timers, *host.timers} else None
        if trouble is not None:
            yield Finding(WARNING, "job-failing", job.name, trouble)


def certificates(host: HostFacts) -> Iterator[Finding]:
    """Report certificates of Teleport's web port that have expired or were not renewed in time."""
    for each in host.certificates:
        path, remaining = host.root.path(each.path), each.remaining_seconds(host.now)
        if remaining is not None and remaining <= 0:
            yield Finding(ERROR, "certificate-expired", path, f"{path} expired at {each.expires}")
        elif remaining is not None and remaining < RENEWED_BEFORE_SECONDS:
            message = f"{path} expires at {each.expires}, and has not been renewed"
            yield Finding(WARNING, "certificate-expiring", path, message)


def _failing(severity: str, service: str) -> Finding:
    return Finding(severity, "service-failing", service, f"{service} fails", _log(service))


def _log(unit: str) -> str:
    return f"see `journalctl -b -u {unit}`"
