"""What is configured and what runs here, without asking anything over the network but this host's own Teleport."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass, field
from typing import Any

from teleport_bootstrap import errors, paths, roles, unit_table
from teleport_bootstrap.change import pending_files, secret_files
from teleport_bootstrap.checks import drift, web_certificates
from teleport_bootstrap.host import clock, probe, systemd, teleport
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import activation, plan_model, teleport_build
from teleport_bootstrap.state import conf_hold, current, generations, jobs, manual_edits, restore_record

HEALTHY = "healthy"
DRIFTED = "drifted"
BROKEN = "broken"

GENERATE_SERVICE = unit_table.GENERATE.service


@dataclass(frozen=True)
class SecretFile:
    """A file with a secret, or what comes with one: when it was written, None where it is absent; never its content.

    Whether SSM holds a newer one is not known here: only `fetch-secrets` asks.
    """

    path: str
    parameter: str | None
    written_at: str | None
    age_seconds: int | None


@dataclass(frozen=True)
class Report:
    """The state of this host.

    `trouble` lists what stands between it and a Teleport that serves, `drift` what is not as it was applied or will be
    trouble soon; `state` is the word for both. `jobs` is how what timers do has last ended here. `fetched_at` is when
    teleport-fetch-secrets last succeeded in this boot.
    """

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
    awaited: tuple[str, ...]
    generation: dict[str, Any] | None
    held: str | None
    restore: str | None
    timers: dict[str, str]
    jobs: tuple[jobs.Job, ...]
    certificates: tuple[web_certificates.Certificate, ...]
    secrets: tuple[SecretFile, ...]
    fetched_at: str | None
    trouble: tuple[str, ...]
    drift: tuple[str, ...]


@dataclass
class _Seen:
    """What is found on the way; each step adds to `trouble` and `drift`."""

    trouble: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)


def report(root: paths.Root) -> Report:
    """Return the report; a part that cannot be had is told in it, never raised."""
    seen = _Seen()
    build = _build(root, seen)
    now, generation = _applied(root, seen)
    wanted, role, conf_says, why_held = _wanted(root, build, seen)
    markers = tuple(path.rpartition("/")[2] for path in roles.MARKER_PATHS if os.path.exists(root.path(path)))
    unit = wanted.unit if wanted is not None else _unit_of(markers)
    exists = os.path.exists(root.path(paths.TELEPORT_YAML))
    restore = _restore(root, seen)
    if not exists and restore is None:
        seen.trouble.append(f"{root.path(paths.TELEPORT_YAML)} is not there: run `teleport-bootstrap generate`")
    if len(markers) != 1 and restore is None:
        seen.trouble.append(f"there should be one role marker in {root.path(paths.CONF_DIRECTORY)}, not {len(markers)}")
    awaited = pending_files.files(root, wanted) if wanted is not None else ()
    states = _states(root, unit, wanted, seen)
    state, ready = _teleport(root, unit, awaited, states, seen)
    seen.drift.extend(drift.since_applied(root, now, generation))
    expected = set() if wanted is None else {*wanted.units.enable}
    timers = {
        name: each
        for name, each in states.items()
        if name.endswith(".timer") and (name in expected or each.enablement == "enabled")
    }
    if wanted is not None and states:
        seen.drift.extend(drift.of_timers(root, wanted, states, unit_table.TIMERS))
    ran = jobs.read(root)
    seen.drift.extend(drift.of_jobs(ran, {*expected, *timers}))
    served = web_certificates.used(root, manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML)))
    _judge(root, served, seen)
    return Report(
        state=BROKEN if seen.trouble else DRIFTED if seen.drift else HEALTHY,
        role=role,
        unit=unit,
        unit_state=f"{state.active} ({state.sub})" if state.sub == "auto-restart" else state.active,
        main_pid=state.main_pid,
        ready=ready,
        teleport=_named(build) if teleport.find(root) else None,
        markers=markers,
        teleport_yaml=exists,
        conf=conf_says,
        awaited=awaited,
        generation=_shown(now, generation),
        held=why_held,
        restore=restore if restore is not None else _restored(root),
        timers={name: f"{each.enablement}, {each.active}" for name, each in timers.items()},
        jobs=ran,
        certificates=served,
        secrets=_secrets(root, wanted),
        fetched_at=_fetched_at(states),
        trouble=tuple(dict.fromkeys(seen.trouble)),
        drift=tuple(seen.drift),
    )


def _restore(root: paths.Root, seen: _Seen) -> str | None:
    """Return how a restore stands that the conf asks for and that has not been made; None without one."""
    try:
        asked = restore_record.pending(root, gather.conf(root))
        if asked is None:
            return None
        state = "pending"
        if systemd.is_running(root) and systemd.is_installed(root, restore_record.RESTORE_SERVICE):
            unit = systemd.states([restore_record.RESTORE_SERVICE])[restore_record.RESTORE_SERVICE]
            failed = drift.is_failing(unit)
            state = "failed" if failed else "under way" if unit.active == "activating" else "pending"
        hint = f"see `journalctl -b -u {restore_record.RESTORE_SERVICE}`; " if state == "failed" else ""
        seen.trouble.append(
            f"{root.path(paths.CONF)} asks to restore {asked}, which has not been restored yet ({state}): {hint}"
            + restore_record.way_out(root)
        )
    except errors.BootstrapError:
        return None  # told as what is wrong with the conf, or with systemd
    return f"{state}: {asked}"


def _restored(root: paths.Root) -> str | None:
    """Return what this instance was restored from, None where it was not."""
    try:
        made = restore_record.FILE.read(root)
    except errors.FileTrouble:
        return None
    if made is None:
        return None
    kept = os.path.lexists(root.path(paths.RESTORE_UNDO))
    return f"{made.archive}, at {made.at}" + (
        "; what was here before is kept until `teleport-bootstrap restore --discard-undo`" if kept else ""
    )


def _build(root: paths.Root, seen: _Seen) -> teleport_build.TeleportBuild | None:
    if teleport.find(root) is None:
        seen.trouble.append("no teleport binary is installed")
    try:
        return gather.build(root, gather.NamedBuild())
    except errors.BootstrapError as error:
        seen.trouble.append(error.message)
        return None


def _named(build: teleport_build.TeleportBuild | None) -> str | None:
    if build is None:
        return None
    kind = " ".join(word for word in (build.edition or "", "FIPS" if build.fips else "") if word)
    return f"{build.version} ({kind})" if kind else build.version


def _applied(root: paths.Root, seen: _Seen) -> tuple[current.Current | None, generations.Generation | None]:
    now = None
    try:
        now = current.FILE.read(root)
        return now, None if now is None else generations.load(root, now.generation)
    except errors.BootstrapError as error:
        seen.drift.append(f"{error.message}. {error.hint}")
        return now, None


def _wanted(
    root: paths.Root, build: teleport_build.TeleportBuild | None, seen: _Seen
) -> tuple[plan_model.Applicable | None, str | None, str, str | None]:
    """Return what this host should be, its role, how the conf is, and why the conf is not followed where it is not."""
    try:
        conf = gather.conf(root)
        if conf is None:
            return None, None, "absent", None
        if restore_record.pending(root, conf) is not None:
            return None, None, "asks for a restore", None
        staying = conf_hold.generation(root)
        if staying is not None:
            generation, why = staying
            seen.trouble.extend(pending_files.describe(root, generation))
            return generation, generation.role, "not followed", why
        if build is None:
            return None, None, "valid", None
        wanted = activation.plan(conf, build)
    except errors.BootstrapError as error:
        seen.trouble.append(error.message)
        return None, None, "invalid", None
    seen.trouble.extend(pending_files.describe(root, wanted))
    return wanted, wanted.deployment.role.value, "valid", None


def _unit_of(markers: tuple[str, ...]) -> str | None:
    by_marker = {place.marker_path.rpartition("/")[2]: place.unit for place in roles.PLACES}
    return by_marker[markers[0]] if len(markers) == 1 else None


def _states(
    root: paths.Root, unit: str | None, wanted: plan_model.Applicable | None, seen: _Seen
) -> dict[str, systemd.State]:
    """Return the state of every unit that matters here, in one call; empty where no systemd runs or answers."""
    if not systemd.is_running(root):
        return {}
    timers = [each for each in unit_table.TIMERS if wanted is not None and each in wanted.units.enable]
    services = [drift.service_of(timer) for timer in timers]
    backup = jobs.TIMERS[jobs.BACKUP][0]  # a matter of the operator's, and not of the plan's
    named = [*([unit] if unit else []), GENERATE_SERVICE, pending_files.FETCH_SERVICE, *timers, *services, backup]
    try:
        return systemd.states([each for each in dict.fromkeys(named) if systemd.is_installed(root, each)])
    except errors.UnitTrouble as error:
        seen.trouble.append(error.message)
        return {}


def _teleport(
    root: paths.Root, unit: str | None, awaited: tuple[str, ...], states: dict[str, systemd.State], seen: _Seen
) -> tuple[systemd.State, str]:
    if drift.is_failing(states.get(GENERATE_SERVICE, systemd.State())):
        seen.trouble.append(f"{GENERATE_SERVICE} fails: see `journalctl -b -u {GENERATE_SERVICE}`")
    if not systemd.is_running(root) or unit is None or not states:
        return systemd.State(), "not asked"
    state = states.get(unit)
    if state is None:
        seen.trouble.append(f"{unit} is not installed")
        return systemd.State(), "not asked"
    if state.active not in ("active", "reloading"):
        waits = " (it waits for what is awaited)" if awaited else f": see `journalctl -b -u {unit}`"
        ends = ", and ends again and again" if drift.is_failing(state) and state.active != "failed" else ""
        seen.trouble.append(f"{unit} is {state.active}{ends}{waits}")
        return state, "not asked"
    if state.enablement != "enabled":
        seen.drift.append(f"{unit} is {state.enablement}, and does not start at the next boot")
    ready = probe.readiness()
    if ready != probe.READY:
        seen.trouble.append(f"Teleport is {ready}: see `journalctl -b -u {unit}`")
    return state, ready


def _judge(root: paths.Root, served: tuple[web_certificates.Certificate, ...], seen: _Seen) -> None:
    for each in served:
        left = each.left_seconds(clock.SYSTEM.wall())
        if left is not None and left <= 0:
            seen.trouble.append(f"{root.path(each.path)} has expired at {each.expires}")
        elif left is not None and left < web_certificates.SOON_SECONDS:
            seen.drift.append(f"{root.path(each.path)} expires at {each.expires}, and has not been renewed")


def _shown(now: current.Current | None, generation: generations.Generation | None) -> dict[str, Any] | None:
    if now is None:
        return None
    made = {} if generation is None else {"made_at": generation.made_at, "made_by": generation.made_by}
    return {"number": now.generation, "confirmed": now.confirmed, **made}


def _secrets(root: paths.Root, wanted: plan_model.Applicable | None) -> tuple[SecretFile, ...]:
    found = []
    for each in wanted.secrets if wanted is not None else ():
        written = secret_files.changed_at(root, each.path)
        age = None if written is None else max(0, int(clock.SYSTEM.wall() - written))
        found.append(SecretFile(each.path, each.parameter, None if written is None else _iso(written), age))
    return tuple(found)


def _fetched_at(states: dict[str, systemd.State]) -> str | None:
    if pending_files.FETCH_SERVICE not in states:
        return None
    try:
        ended = systemd.succeeded_at(pending_files.FETCH_SERVICE)
    except errors.UnitTrouble:
        return None
    return None if ended is None else _iso(ended)


def _iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).isoformat(timespec="seconds")
