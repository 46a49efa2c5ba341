"""What is configured and what runs here, without asking anything over the network but this host's own Teleport."""

from __future__ import annotations

import os
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.apply import gather, waiting
from teleport_bootstrap.host import probe, root, systemd, teleport
from teleport_bootstrap.plan import activation, roles


@dataclass(frozen=True)
class Report:
    """The state of this host; `trouble` lists what stands between it and a Teleport that serves, empty when healthy."""

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
    trouble: tuple[str, ...]


def report(where: root.Root) -> Report:
    """Return the report; a part that cannot be had is told in it, never raised."""
    trouble: list[str] = []
    unit, awaited, role, conf_says = _from_conf(where, trouble)
    markers = tuple(path.rpartition("/")[2] for path in roles.MARKER_PATHS if os.path.exists(where.path(path)))
    unit = unit or _unit_of(markers)
    exists = os.path.exists(where.path(paths.TELEPORT_YAML))
    if not exists:
        trouble.append(f"{where.path(paths.TELEPORT_YAML)} is not there: run `teleport-bootstrap generate`")
    if len(markers) != 1:
        trouble.append(f"there should be one role marker in {where.path(paths.CONF_DIRECTORY)}, not {len(markers)}")
    state, ready = systemd.State(), "not asked"
    if systemd.is_running(where) and unit is not None:
        state, ready = _running(unit, awaited, trouble)
    return Report(
        role=role,
        unit=unit,
        unit_state=state.active,
        main_pid=state.main_pid,
        ready=ready,
        teleport=_version(where, trouble),
        markers=markers,
        teleport_yaml=exists,
        conf=conf_says,
        awaited=awaited,
        trouble=tuple(trouble),
    )


def _from_conf(where: root.Root, trouble: list[str]) -> tuple[str | None, tuple[str, ...], str | None, str]:
    try:
        given = gather.settings(where)
        if given is None:
            return None, (), None, "absent"
        wanted = activation.plan(given, gather.build(where, gather.NamedBuild()))
    except errors.BootstrapError as error:
        trouble.append(error.message)
        return None, (), None, "invalid"
    awaited = waiting.files(where, wanted)
    trouble.extend(waiting.describe(where, wanted))
    return wanted.deployment.place.unit, awaited, wanted.deployment.role.value, "valid"


def _unit_of(markers: tuple[str, ...]) -> str | None:
    by_marker = {place.marker_path.rpartition("/")[2]: place.unit for place in roles.PLACES}
    return by_marker[markers[0]] if len(markers) == 1 else None


def _running(unit: str, awaited: tuple[str, ...], trouble: list[str]) -> tuple[systemd.State, str]:
    try:
        state = systemd.states([unit])[unit]
    except errors.UnitTrouble as error:
        trouble.append(error.message)
        return systemd.State(), "not asked"
    if state.active != "active":
        waits = " (it waits for what is awaited)" if awaited else f": see `journalctl -b -u {unit}`"
        trouble.append(f"{unit} is {state.active}{waits}")
        return state, "not asked"
    ready = probe.readiness()
    if ready != probe.READY:
        trouble.append(f"Teleport is {ready}: see `journalctl -b -u {unit}`")
    return state, ready


def _version(where: root.Root, trouble: list[str]) -> str | None:
    if teleport.find(where) is None:
        trouble.append("no teleport binary is installed")
        return None
    try:
        build = gather.build(where, gather.NamedBuild())
    except errors.BootstrapError as error:
        trouble.append(error.message)
        return None
    kind = " ".join(word for word in (build.edition or "", "FIPS" if build.fips else "") if word)
    return f"{build.version} ({kind})" if kind else build.version
