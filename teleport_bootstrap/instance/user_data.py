"""What became of user-data in this boot, which should have written the conf: it failed, was left out, or wrote none."""

from __future__ import annotations

import os

from teleport_bootstrap import errors, paths
from teleport_bootstrap.finding import ERROR, Finding
from teleport_bootstrap.host import boot_order, cloud_init, systemd


def why_no_conf(root: paths.Root) -> tuple[Finding, ...]:
    """Return why there is no conf, as far as cloud-init and systemd tell; empty where neither of them knows.

    Empty too on a host that has a teleport.yaml: without a conf it is configured manually.
    """
    if os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return ()
    if systemd.is_running(root):
        units = left_out(cloud_init.TARGET)
        if units:
            return (without_user_data(units, ERROR),)
        if not cloud_init.services(root):
            return ()
    return _after(root, cloud_init.outcome(root))


def _after(root: paths.Root, found: cloud_init.Outcome) -> tuple[Finding, ...]:
    """Return why a run of cloud-init with this outcome has left no conf."""
    if found.errors or found.state == cloud_init.FAILED:
        return (failed(root, found.errors, ERROR),)
    log, conf = root.path(paths.CLOUD_INIT_OUTPUT), root.path(paths.CONF)
    cases = {
        cloud_init.RUNNING: (
            "user-data-running",
            f"cloud-init is still running: user-data may still write {conf}",
            "wait for it: `cloud-init status --wait`",
        ),
        cloud_init.DONE: (
            "user-data-wrote-no-conf",
            f"user-data reported no error, and did not write {conf}",
            f"it must begin with `#!/bin/bash`, and write this file; see `cat {log}` and `cloud-init query userdata`",
        ),
        cloud_init.DISABLED: (
            "user-data-disabled",
            "cloud-init is disabled, so user-data did not run",
            "see `cloud-init status --long`",
        ),
    }
    if found.state not in cases:
        return ()
    code, message, remedy = cases[found.state]
    return (Finding(ERROR, code, "user-data", message, remedy),)


def failed(root: paths.Root, said: tuple[str, ...], severity: str) -> Finding:
    """Return the finding that user-data failed, with what cloud-init says and the last lines that it printed."""
    why = "; ".join(said) or "cloud-init says no more"
    lines = cloud_init.last_lines(root)
    printed = f". The last it printed: {' | '.join(lines)}" if lines else ""
    remedy = f"see `cat {root.path(paths.CLOUD_INIT_OUTPUT)}` and correct user-data, which runs once per instance"
    return Finding(severity, "user-data-failed", "user-data", f"user-data failed: {why}{printed}", remedy)


def left_out(target: str) -> tuple[str, ...]:
    """Return the units of `target` that systemd has left out of this boot; none where it does not say."""
    try:
        return boot_order.left_out(target)
    except errors.UnitTrouble:
        return ()


def without_user_data(units: tuple[str, ...], severity: str) -> Finding:
    """Return the finding that systemd has left `units` of cloud-init out of this boot."""
    return not_started(units, "without which user-data does not run", "runs user-data", severity)


def not_started(units: tuple[str, ...], consequence: str, start: str, severity: str = ERROR) -> Finding:
    """Return the finding that systemd has left `units` out, with the circle of units that made it do so.

    `start` says what a start of them by hand does.
    """
    circle = next(filter(None, map(boot_order.cycle, units)), ())
    they_were = "it was" if len(units) == 1 else "they were"
    message = f"systemd did not start {', '.join(units)} in this boot, {consequence}"
    if circle:
        message += f": {they_were} left out to break an ordering cycle, {boot_order.described(circle)}"
    elif boot_order.had_cycle():
        message += f": {they_were} left out to break an ordering cycle"
    remedy = f"{_correction(circle, units)}; `systemctl start {' '.join(units)}` {start} without another boot"
    return Finding(severity, "ordering-cycle", units[0], message, remedy)


def _correction(circle: tuple[str, ...], units: tuple[str, ...]) -> str:
    """Return what to do about a circle of units."""
    others = [each for each in circle if each.endswith(".service") and each not in units]
    others = [each for each in others if not each.startswith(("cloud-", "teleport"))]
    if not others:
        return "look for `ordering cycle` in `journalctl -b -t systemd` or on the console"
    return f"let {others[0]} wait for less (`systemctl edit --full {others[0]}`)"
