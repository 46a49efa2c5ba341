"""What is configured and what runs on this host: read once, and shared by all checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from teleport_bootstrap import errors, paths, roles, unit_table
from teleport_bootstrap.change import handover, key_pairs, needed_files, web_answer
from teleport_bootstrap.checks import certificate_files, recovery
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.host import clock, probe, systemd, teleport
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import activation, plan_model, teleport_build
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import current, generations, jobs, manual_edits, restore_record

GENERATE_SERVICE = unit_table.GENERATE.service

# How the conf is.
ABSENT = "absent"
INVALID = "invalid"
VALID = "valid"
# It is not followed because Teleport was unhealthy with it, or because of a rollback.
NOT_FOLLOWED = "not followed"
ASKS_FOR_RESTORE = "asks for a restore"

NOT_CHECKED = "not asked"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Conf:
    """The conf: `state` is one of the words above, `wanted` what this host should be, None where that is unknown.

    `not_followed_because` and `pending_restore`, the archive, come with NOT_FOLLOWED and ASKS_FOR_RESTORE. `problems`
    are those of an INVALID one on a host where a generation is applied.
    """

    state: str
    wanted: plan_model.Applicable | None = None
    role: str | None = None
    not_followed_because: str | None = None
    pending_restore: str | None = None
    problems: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class HostFacts:
    """Everything that is known of this host; `unreadable` has a finding for each part that could not be read.

    `now` is in seconds since 1970. `markers` are names in /etc/teleport.d. `pending` are files that Teleport's unit
    waits for. `web_note` is what an operator should know about the proxy's web port, empty for nothing. `units` has the
    units that matter here and that are installed; it is empty where systemd does not run. `recovery` comes with a
    Teleport that reports itself degraded or recovering. `acts_on_signals` is false during a reload, and for two minutes
    where it failed. `blocking_pairs` keep Teleport from its
    next start.
    """

    root: paths.Root
    now: float
    binary: str | None
    build: teleport_build.TeleportBuild | None
    current: current.Current | None
    generation: generations.Generation | None
    conf: Conf
    markers: tuple[str, ...]
    unit: str | None
    has_teleport_yaml: bool
    pending: tuple[str, ...]
    units: dict[str, systemd.State]
    readiness: str
    web_note: str
    timers: dict[str, systemd.State]
    jobs: tuple[jobs.Job, ...]
    certificates: tuple[certificate_files.Certificate, ...]
    unreadable: tuple[Finding, ...]
    recovery: recovery.Recovery | None = None
    acts_on_signals: bool = True
    blocking_pairs: tuple[key_pairs.Blocking, ...] = ()

    def state_of(self, unit: str) -> systemd.State:
        """Return the state of a unit; unknown where systemd does not run or the unit is not installed."""
        return self.units.get(unit, systemd.State())

    @property
    def is_unconfigured(self) -> bool:
        """Whether nothing was ever applied here, and there is no teleport.yaml either, as after a failed first boot."""
        return self.current is None and not self.has_teleport_yaml

    @property
    def unit_state(self) -> systemd.State:
        """The state of Teleport's unit."""
        return self.state_of(self.unit or "")

    @property
    def expected_timers(self) -> tuple[str, ...]:
        """The timers that the conf's role needs."""
        return expected_timers(self.conf.wanted)


def expected_timers(wanted: plan_model.Applicable | None) -> tuple[str, ...]:
    """Return the timers that `wanted` enables."""
    return () if wanted is None else tuple(each for each in unit_table.TIMERS if each in wanted.units.enable)


def role(host: HostFacts) -> roles.Role | None:
    """Return the role of the conf, or that of the marker of a host without one; None where it is not known."""
    if host.conf.role is not None:
        return roles.Role(host.conf.role)
    found = [roles.ROLE_OF_MARKER.get(f"{paths.CONF_DIRECTORY}/{each}") for each in host.markers]
    return found[0] if len(found) == 1 else None


def applied_document(host: HostFacts) -> Mapping[str, Any]:
    """Return what was applied to a host, otherwise its teleport.yaml; empty where that cannot be read."""
    if host.generation is not None:
        return host.generation.document
    return manual_edits.document(manual_edits.text(host.root, paths.TELEPORT_YAML)) or {}


def read(root: paths.Root) -> HostFacts:
    """Return the facts of the host; never raises BootstrapError. Nothing but this host's own Teleport is asked."""
    unreadable: list[Finding] = []

    def attempt(read_part: Callable[[], _T], otherwise: _T, severity: str = ERROR) -> _T:
        try:
            return read_part()
        except errors.BootstrapError as error:
            unreadable.extend(error.as_findings(severity))
            return otherwise

    build = attempt(lambda: gather.build(root, gather.NamedBuild()), None)
    now = attempt(lambda: current.FILE.read(root), None, WARNING)
    generation = attempt(lambda: None if now is None else generations.load(root, now.generation), None, WARNING)
    conf = attempt(lambda: _conf(root, build, generation), Conf(INVALID))
    markers = tuple(path.rpartition("/")[2] for path in roles.MARKER_PATHS if os.path.exists(root.path(path)))
    unit = conf.wanted.unit if conf.wanted is not None else _unit_of(markers)
    nothing: dict[str, systemd.State] = {}
    units = attempt(lambda: _units(root, unit, conf), nothing)
    expected = expected_timers(conf.wanted)
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML))
    readiness = probe.readiness() if is_running(units.get(unit or "")) else NOT_CHECKED
    wall = clock.SYSTEM.wall()
    return HostFacts(
        root=root,
        now=wall,
        binary=teleport.find(root),
        build=build,
        current=now,
        generation=generation,
        conf=conf,
        markers=markers,
        unit=unit,
        has_teleport_yaml=os.path.exists(root.path(paths.TELEPORT_YAML)),
        pending=() if conf.wanted is None else needed_files.pending(root, conf.wanted),
        units=units,
        readiness=readiness,
        web_note=web_answer.of_host(root)[1] if readiness == probe.READY else "",
        timers={
            name: state
            for name, state in units.items()
            if name.endswith(".timer") and (name in expected or state.enablement == "enabled")
        },
        jobs=jobs.read(root),
        certificates=certificate_files.served(root, document),
        recovery=(
            recovery.read(root, unit, document, wall)
            if unit and readiness in (probe.DEGRADED, probe.RECOVERING)
            else None
        ),
        acts_on_signals=not (unit and is_running(units.get(unit)) and handover.is_deaf_in(root, unit)),
        blocking_pairs=key_pairs.blocking(root, document or {}, unit),
        unreadable=tuple(unreadable),
    )


def is_running(state: systemd.State | None) -> bool:
    """Whether a unit in this state has a process that serves."""
    return state is not None and state.active in ("active", "reloading")


def _conf(root: paths.Root, build: teleport_build.TeleportBuild | None, applied: generations.Generation | None) -> Conf:
    """Return how the conf is; with an invalid one, a host stays what the generation `applied` has made it."""
    try:
        return _conf_as_it_is(root, build)
    except errors.ConfInvalid as error:
        if applied is None:
            raise
        return Conf(INVALID, applied, applied.role, problems=error.findings)


def _conf_as_it_is(root: paths.Root, build: teleport_build.TeleportBuild | None) -> Conf:
    conf = gather.conf(root)
    if conf is None:
        return Conf(ABSENT)
    pending_restore = restore_record.pending(root, conf)
    if pending_restore is not None:
        return Conf(ASKS_FOR_RESTORE, pending_restore=pending_restore)
    rejected = current.instead_of_conf(root)
    if rejected is not None:
        generation, reason = rejected
        return Conf(NOT_FOLLOWED, generation, generation.role, not_followed_because=reason)
    if build is None:
        return Conf(VALID)
    wanted = activation.plan(conf, build)
    return Conf(VALID, wanted, wanted.deployment.role.value)


def _unit_of(markers: tuple[str, ...]) -> str | None:
    by_marker = {place.marker_path.rpartition("/")[2]: place.unit for place in roles.PLACES}
    return by_marker[markers[0]] if len(markers) == 1 else None


def _units(root: paths.Root, unit: str | None, conf: Conf) -> dict[str, systemd.State]:
    """Return the state of every unit that matters here, in one call. Raises UnitTrouble."""
    if not systemd.is_running(root):
        return {}
    timers = expected_timers(conf.wanted)
    names = [
        *([unit] if unit else []),
        GENERATE_SERVICE,
        needed_files.FETCH_SERVICE,
        *([restore_record.RESTORE_SERVICE] if conf.pending_restore else []),
        *timers,
        *map(systemd.service_of, timers),
        jobs.TIMERS[jobs.BACKUP][0],  # enabled by the operator, not by the plan
    ]
    return systemd.states([each for each in dict.fromkeys(names) if systemd.is_installed(root, each)])


def service_failing(severity: str, service: str) -> Finding:
    """Return the finding that `service` fails."""
    remedy = f"{log_of(service)}, then run `systemctl restart {service}`"
    return Finding(severity, "service-failing", service, f"{service} fails", remedy)


def log_of(unit: str) -> str:
    """Return the remedy that shows the log of `unit`."""
    return f"see `journalctl -b -u {unit}`"
