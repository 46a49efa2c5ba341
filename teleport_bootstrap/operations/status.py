"""What is configured and what runs on this host; nothing but this host's own Teleport is asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import needed_files
from teleport_bootstrap.checks import (
    address,
    applied_generation,
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
from teleport_bootstrap.finding import NOTE, WARNING, Finding
from teleport_bootstrap.host import clock, systemd
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

# An error is what keeps Teleport from serving; a warning is drift from what was applied, or will be an error soon.
CHECKS: tuple[Callable[[host_facts.HostFacts], Iterator[Finding]], ...] = (
    installation.check,
    teleport_version.check,
    pending_restore.check,
    teleport_unit.check,
    applied_generation.check,
    manual_file.check,
    address.check,
    managed_updates.check,
    timers.check,
    web_certificates.check,
)


def report(root: paths.Root) -> dict[str, Any]:
    """Return the report, whose keys are those of the JSON; what cannot be read becomes a finding, and is never raised.

    `state` is HEALTHY, DRIFTED where `findings` has warnings only, RECOVERING where one of them is that Teleport is
    degraded or recovering, BROKEN, or UNKNOWN where nothing is wrong and Teleport was not asked. `recovery` says which
    component, since when, and what answers nevertheless.
    `ready` is what Teleport reports of itself. `conf` is a word for the conf, `held` why it is not followed. `restore`
    is the restore that the conf asks for, or the one that was made. `fetched_at` is when teleport-fetch-secrets last
    succeeded in this boot. `trouble`, `drift` and `notes` are the errors, the warnings and the notes as text.
    """
    host = host_facts.read(root)
    findings = tuple(dict.fromkeys([*host.unreadable, *(each for check in CHECKS for each in check(host))]))
    trouble = [str(each) for each in findings if each.is_error]
    drift = [str(each) for each in findings if each.severity == WARNING]
    notes = [str(each) for each in findings if each.severity == NOTE]
    unit = host.unit_state
    return {
        "state": _state(host, trouble, drift),
        "role": host.conf.role,
        "summary": status_summary.of_host(host),
        "unit": host.unit,
        "unit_state": f"{unit.active} ({unit.sub})" if unit.sub == "auto-restart" else unit.active,
        "main_pid": unit.main_pid,
        "ready": host.readiness,
        "recovery": host.recovery,
        "teleport": _build(host.build) if host.binary is not None else None,
        "markers": host.markers,
        "teleport_yaml": host.has_teleport_yaml,
        "conf": host.conf.state,
        "awaited": host.pending,
        "generation": _generation(host),
        "held": host.conf.not_followed_because,
        "restore": _restore(host),
        "timers": {name: f"{each.enablement}, {each.active}" for name, each in host.timers.items()},
        "jobs": host.jobs,
        "certificates": host.certificates,
        "secrets": [_secret(host, each) for each in (host.conf.wanted.secrets if host.conf.wanted is not None else ())],
        "fetched_at": _fetched_at(host.units),
        "trouble": trouble,
        "drift": drift,
        "notes": notes,
        "findings": findings,
    }


def _state(host: host_facts.HostFacts, trouble: list[str], drift: list[str]) -> str:
    if trouble:
        return BROKEN
    if host.recovery:
        return RECOVERING
    if drift:
        return DRIFTED
    return UNKNOWN if host.readiness == host_facts.NOT_CHECKED else HEALTHY


def _build(build: teleport_build.TeleportBuild | None) -> str | None:
    if build is None:
        return None
    fips = "FIPS" if build.fips else "FIPS not known" if build.is_fips_unknown else ""
    kind = " ".join(filter(None, (build.edition, fips)))
    return f"{build.version} ({kind})" if kind else build.version


def _generation(host: host_facts.HostFacts) -> dict[str, Any] | None:
    if host.current is None:
        return None
    found = host.generation
    made = {} if found is None else {"made_at": found.made_at, "made_by": found.made_by}
    return {"number": host.current.generation, "confirmed": host.current.confirmed, **made}


def _restore(host: host_facts.HostFacts) -> str | None:
    """Return the restore that the conf asks for, with its state, or the one that was made on this host."""
    if host.conf.pending_restore is not None:
        return f"{pending_restore.state(host)}: {host.conf.pending_restore}"
    try:
        made = restore_record.FILE.read(host.root)
    except errors.FileTrouble:
        return None
    if made is None:
        return None
    kept = "; the data from before it is kept until `teleport-bootstrap restore --discard-undo`"
    undo = host.root.path(paths.RESTORE_UNDO)
    return f"{made.archive}, at {made.at}{kept if os.path.lexists(undo) else ''}"


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
