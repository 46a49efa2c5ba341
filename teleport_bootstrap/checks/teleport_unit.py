"""Checks that Teleport's unit runs, starts at the next boot, and that Teleport is ready."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.change import needed_files
from teleport_bootstrap.checks import host_facts, recovery
from teleport_bootstrap.checks.host_facts import HostFacts, log_of, service_failing
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.host import probe

_REINSTALL = (
    "install the package again: `apt-get install --reinstall teleport-bootstrap` or `dnf reinstall teleport-bootstrap`"
)


def check(host: HostFacts) -> Iterator[Finding]:
    """Report pending files, a failing service or unit, a Teleport that is not ready, and a web port with an error."""
    if host.conf.wanted is not None:
        described = needed_files.describe_pending(host.root, host.conf.wanted)
        yield from (
            Finding(
                ERROR, "file-pending", each.path, str(each), f"run `{each.command}`, which says why it has not come"
            )
            for each in described
        )
    is_known = host.is_unconfigured and host.conf.state in (host_facts.ABSENT, host_facts.INVALID)
    if host.state_of(host_facts.GENERATE_SERVICE).is_failing and not is_known:
        yield service_failing(ERROR, host_facts.GENERATE_SERVICE)
    if not host.units or host.unit is None:
        return
    unit, state = host.unit, host.unit_state
    if unit not in host.units:
        yield Finding(ERROR, "unit-missing", unit, f"{unit} is not installed", _REINSTALL)
    elif not host_facts.is_running(state):
        restarts = ", and restarts again and again" if state.is_failing and state.active != "failed" else ""
        waits = " until the files above arrive" if host.pending else ""
        message = f"{unit} is {state.active}{restarts}{waits}"
        yield Finding(ERROR, "unit-not-running", unit, message, "" if host.pending else _correct(unit))
    else:
        if state.enablement != "enabled":
            message = f"{unit} is {state.enablement}, and does not start at the next boot"
            unmask = f"systemctl unmask {unit} && " if state.enablement.startswith("masked") else ""
            yield Finding(WARNING, "unit-disabled", unit, message, f"run `{unmask}systemctl enable {unit}`")
        if not host.acts_on_signals:
            message = (
                "a reload of Teleport is under way, or failed less than two minutes ago: until that is over, Teleport "
                "serves as before and acts on no signal, neither to reload nor to stop"
            )
            yield Finding(WARNING, "reload-unfinished", unit, message, f"wait for two minutes; {log_of(unit)}")
        if host.recovery is not None:
            yield from recovery.findings(unit, host.readiness, host.recovery, log_of(unit))
        elif host.readiness != probe.READY:
            yield Finding(ERROR, "teleport-not-ready", unit, f"Teleport is {host.readiness}", _correct(unit))
        if host.web_note:
            yield Finding(WARNING, "web-port", unit, host.web_note, log_of(unit))


def _correct(unit: str) -> str:
    """Return the remedy for a Teleport that does not work as it is configured."""
    return (
        f"{log_of(unit)}; if the configuration is the cause, edit the conf, then run `teleport-bootstrap reconfigure`; "
        f"otherwise run `systemctl restart {unit}`"
    )
