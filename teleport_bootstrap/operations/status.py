"""What is configured and what runs on this host; nothing but this host's own Teleport is asked."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import pending_files, secret_files
from teleport_bootstrap.checks import applied_generation, certificate_files, host_checks, host_facts
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.host import systemd
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.state import jobs, restore_record

HEALTHY = "healthy"
DRIFTED = "drifted"
BROKEN = "broken"

# An error is what keeps Teleport from serving; a warning is drift from what was applied, or will be an error soon.
CHECKS: tuple[Callable[[host_facts.HostFacts], Iterator[Finding]], ...] = (
    host_checks.installation,
    host_checks.restore,
    host_checks.teleport_unit,
    applied_generation.check,
    host_checks.timers,
    host_checks.certificates,
)


@dataclass(frozen=True)
class SecretFile:
    """A file with a secret, or one that comes with a secret; `written_at` is None where it is missing.

    Whether SSM has a newer one is not known: only `fetch-secrets` asks.
    """

    path: str
    parameter: str | None
    written_at: str | None
    age_seconds: int | None


@dataclass(frozen=True)
class Report:
    """The state of this host: HEALTHY, DRIFTED where `findings` has warnings only, or BROKEN.

    `ready` is what Teleport reports of itself. `conf` is a word for the conf, `not_followed_because` its reason.
    `restore` is the restore that the conf asks for, or the one that was made. `fetched_at` is when
    teleport-fetch-secrets last succeeded in this boot. `trouble` and `drift` are the errors and the warnings as text.
    """

    json_keys: ClassVar[dict[str, str]] = {"pending": "awaited", "not_followed_because": "held"}

    state: str
    role: str | None
    unit: str | None
    unit_state: str
    main_pid: int
    ready: str
    teleport: str | None
    markers: tuple[str, ...]
    teleport_yaml: bool
    conf: str
    pending: tuple[str, ...]
    generation: dict[str, Any] | None
    not_followed_because: str | None
    restore: str | None
    timers: dict[str, str]
    jobs: tuple[jobs.Job, ...]
    certificates: tuple[certificate_files.Certificate, ...]
    secrets: tuple[SecretFile, ...]
    fetched_at: str | None
    trouble: tuple[str, ...]
    drift: tuple[str, ...]
    findings: tuple[Finding, ...]


def report(root: paths.Root) -> Report:
    """Return the report; what cannot be read becomes a finding, and is never raised."""
    host = host_facts.read(root)
    findings = tuple(dict.fromkeys([*host.unreadable, *(each for check in CHECKS for each in check(host))]))
    trouble = tuple(str(each) for each in findings if each.is_error)
    drift = tuple(str(each) for each in findings if not each.is_error)
    unit = host.unit_state
    return Report(
        state=BROKEN if trouble else DRIFTED if drift else HEALTHY,
        role=host.conf.role,
        unit=host.unit,
        unit_state=f"{unit.active} ({unit.sub})" if unit.sub == "auto-restart" else unit.active,
        main_pid=unit.main_pid,
        ready=host.readiness,
        teleport=_build(host.build) if host.binary is not None else None,
        markers=host.markers,
        teleport_yaml=host.has_teleport_yaml,
        conf=host.conf.state,
        pending=host.pending,
        generation=_generation(host),
        not_followed_because=host.conf.not_followed_because,
        restore=_restore(host),
        timers={name: f"{each.enablement}, {each.active}" for name, each in host.timers.items()},
        jobs=host.jobs,
        certificates=host.certificates,
        secrets=_secrets(host),
        fetched_at=_fetched_at(host.units),
        trouble=trouble,
        drift=drift,
        findings=findings,
    )


def _build(build: teleport_build.TeleportBuild | None) -> str | None:
    if build is None:
        return None
    kind = " ".join(word for word in (build.edition or "", "FIPS" if build.fips else "") if word)
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
        return f"{host_checks.restore_state(host)}: {host.conf.pending_restore}"
    try:
        made = restore_record.FILE.read(host.root)
    except errors.FileTrouble:
        return None
    if made is None:
        return None
    kept = os.path.lexists(host.root.path(paths.RESTORE_UNDO))
    return f"{made.archive}, at {made.at}" + (
        "; the data from before it is kept until `teleport-bootstrap restore --discard-undo`" if kept else ""
    )


def _secrets(host: host_facts.HostFacts) -> tuple[SecretFile, ...]:
    found = []
    for each in host.conf.wanted.secrets if host.conf.wanted is not None else ():
        written = secret_files.changed_at(host.root, each.path)
        if written is None:
            found.append(SecretFile(each.path, each.parameter, None, None))
        else:
            found.append(SecretFile(each.path, each.parameter, _iso(written), max(0, int(host.now - written))))
    return tuple(found)


def _fetched_at(units: dict[str, systemd.State]) -> str | None:
    if pending_files.FETCH_SERVICE not in units:
        return None
    try:
        ended = systemd.succeeded_at(pending_files.FETCH_SERVICE)
    except errors.UnitTrouble:
        return None
    return None if ended is None else _iso(ended)


def _iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).isoformat(timespec="seconds")
