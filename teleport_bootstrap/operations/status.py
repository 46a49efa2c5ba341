"""What is configured and what runs on this host; nothing but this host's own Teleport is asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import needed_files
from teleport_bootstrap.checks import (
    address,
    applied_generation,
    boot,
    first_user,
    host_facts,
    installation,
    managed_updates,
    manual_file,
    pending_restore,
    teleport_unit,
    teleport_version,
    timers,
    web_certificates,
)
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock, probe, systemd
from teleport_bootstrap.operations import status_summary
from teleport_bootstrap.plan import plan_model, teleport_build
from teleport_bootstrap.state import restore_record

HEALTHY = "healthy"
# Nothing is broken, but Teleport has lost touch with its cluster and has not recovered yet.
RECOVERING = "recovering"
DRIFTED = "drifted"
BROKEN = "broken"
# Nothing is known to be wrong, but Teleport was not asked: systemd does not run here.
UNKNOWN = "unknown"
STATES = (HEALTHY, DRIFTED, RECOVERING, BROKEN, UNKNOWN)

# For the health of a Teleport that was not asked.
NOT_CHECKED = "not-checked"

# An error is what keeps Teleport from serving; a warning is drift from what was applied, or will be an error soon.
CHECKS: tuple[Callable[[host_facts.HostFacts], Iterator[Finding]], ...] = (
    installation.check,
    boot.check,
    teleport_version.check,
    pending_restore.check,
    teleport_unit.check,
    applied_generation.check,
    manual_file.check,
    address.check,
    managed_updates.check,
    timers.check,
    web_certificates.check,
    first_user.check,
)


def report(root: paths.Root) -> dict[str, Any]:
    """Return the report, whose keys are those of the JSON; what cannot be read becomes a finding, and is never raised.

    `state` is HEALTHY, DRIFTED where `findings` has warnings only, RECOVERING where one of them is that Teleport is
    degraded or recovering, BROKEN, or UNKNOWN where nothing is wrong and Teleport was not asked. docs/json.md says what
    the other keys mean.
    """
    return of_host(host_facts.read(root), CHECKS)


def of_host(
    host: host_facts.HostFacts, checks: Sequence[Callable[[host_facts.HostFacts], Iterator[Finding]]]
) -> dict[str, Any]:
    """Return the report of a host, with what these checks find."""
    root = host.root
    findings = tuple(dict.fromkeys([*host.unreadable, *(each for check in checks for each in check(host))]))
    return {
        "state": _state(host, {each.severity for each in findings}),
        "role": host.conf.role,
        "summary": status_summary.of_host(host),
        "teleport": _build(host.build) if host.binary is not None else None,
        "health": NOT_CHECKED if host.readiness == host_facts.NOT_CHECKED else probe.word(host.readiness),
        "unit": _unit(host),
        "recovery": host.recovery,
        "conf": {"state": host.conf.state.replace(" ", "-"), "not_followed_because": host.conf.not_followed_because},
        "applied": _applied(host),
        "restore": _restore(host),
        "has_teleport_yaml": host.has_teleport_yaml,
        "markers": host.markers,
        "pending": () if host.conf.wanted is None else needed_files.describe_pending(root, host.conf.wanted),
        "timers": [
            {"unit": name, "enablement": each.enablement, "active": each.active} for name, each in host.timers.items()
        ],
        "jobs": host.jobs,
        "certificates": host.certificates,
        "secrets": [_secret(host, each) for each in (host.conf.wanted.secrets if host.conf.wanted is not None else ())],
        "secrets_fetched_at": _fetched_at(host.units),
        "findings": findings,
    }


def _state(host: host_facts.HostFacts, severities: set[str]) -> str:
    if ERROR in severities:
        return BROKEN
    if host.recovery:
        return RECOVERING
    if WARNING in severities:
        return DRIFTED
    return UNKNOWN if host.readiness == host_facts.NOT_CHECKED else HEALTHY


def _unit(host: host_facts.HostFacts) -> dict[str, Any] | None:
    if host.unit is None:
        return None
    state = host.unit_state
    return {"name": host.unit, "active": state.active, "sub": state.sub, "main_pid": state.main_pid or None}


def _build(build: teleport_build.TeleportBuild | None) -> dict[str, Any] | None:
    if build is None:
        return None
    fips = None if build.is_fips_unknown else build.fips
    return {"version": build.version, "edition": build.edition, "fips": fips}


def _applied(host: host_facts.HostFacts) -> dict[str, Any] | None:
    if host.current is None:
        return None
    found = host.generation
    return {
        "generation": host.current.generation,
        "confirmed": host.current.confirmed,
        "made_at": None if found is None else found.made_at,
        "made_by": None if found is None else found.made_by,
    }


def _restore(host: host_facts.HostFacts) -> dict[str, Any] | None:
    """Return the restore that the conf asks for, with its state, or the one that was made on this host."""
    if host.conf.pending_restore is not None:
        state = pending_restore.state(host).replace(" ", "-")
        return {"state": state, "archive": host.conf.pending_restore, "restored_at": None, "can_be_undone": False}
    try:
        made = restore_record.FILE.read(host.root)
    except errors.FileTrouble:
        return None
    if made is None:
        return None
    can_be_undone = os.path.lexists(host.root.path(paths.RESTORE_UNDO))
    return {"state": "restored", "archive": made.archive, "restored_at": made.at, "can_be_undone": can_be_undone}


def _secret(host: host_facts.HostFacts, file: plan_model.SecretFile) -> dict[str, Any]:
    """Return when the file was written, None where it is missing. Only `fetch-secrets` asks SSM for a newer one."""
    written = needed_files.changed_at(host.root, file.path)
    return {
        "path": file.path,
        "parameter": file.parameter,
        "written_at": None if written is None else clock.iso(written),
        "age_seconds": None if written is None else max(0, int(host.now - written)),
    }


def _fetched_at(units: dict[str, systemd.State]) -> str | None:
    if needed_files.FETCH_SERVICE not in units:
        return None
    try:
        ended = systemd.succeeded_at(needed_files.FETCH_SERVICE)
    except errors.UnitTrouble:
        return None
    return None if ended is None else clock.iso(ended)
