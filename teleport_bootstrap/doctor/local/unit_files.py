"""Whether the units of this host are ours, and what drop-ins of others make of them.

A unit is the first file of its name in systemd's directories, with all drop-ins of `UNIT.d`, of the names that its own
begins with (`teleport-.service.d`), and of its type (`service.d`). (systemd.unit(5).)
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from teleport_bootstrap import paths, unit_table
from teleport_bootstrap.doctor.check import HOST, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import regular_file

# In every unit of ours.
_OURS = "man:teleport-bootstrap(8)"
_OUR_DROP_IN = "50-teleport-bootstrap.conf"
# What a unit of ours would not be itself with: what it runs, as whom, with what, and how systemd follows it.
_OF_WEIGHT = frozenset(
    (
        *("ExecStart", "ExecStartPre", "ExecReload", "ExecStop", "ExecCondition", "User", "Group", "DynamicUser"),
        *("EnvironmentFile", "UnsetEnvironment", "Type", "PIDFile", "KillMode", "KillSignal", "RootDirectory"),
        *("RootImage", "RuntimeDirectory", "ConditionPathExists", "OnCalendar", "Unit", "NoNewPrivileges"),
        *("ProtectHome", "ProtectSystem", "PrivateNetwork", "IPAddressDeny", "RestrictAddressFamilies"),
    )
)


def _run(subject: Subject) -> Iterator[Finding]:
    host = subject.host
    timers = [each for each in host.expected_timers if _fragment(subject.root, each)]
    units = [
        *([host.unit] if host.unit else []),
        unit_table.GENERATE.service,
        *(each.replace(".timer", ".service") for each in timers),
        *timers,
    ]
    installed = [each for each in dict.fromkeys(units) if _fragment(subject.root, each)]
    if not installed:
        raise Skipped("no unit of this agent is installed here")
    for each in installed:
        yield from _unit(subject.root, each, timers, host.unit)
    if host.unit_state.is_stale:
        message = f"the files of {host.unit} have changed since systemd has read them"
        yield Finding(WARNING, "unit-stale", host.unit or "", message, "run `systemctl daemon-reload`")
    yield Finding(NOTE, "units", "", f"{', '.join(installed)}: as installed")


def _unit(root: paths.Root, unit: str, timers: list[str], teleport: str | None) -> Iterator[Finding]:
    path = _fragment(root, unit)
    if _is_masked(path):
        # Those of Teleport and of timers are reported by their own checks.
        if unit != teleport and unit not in timers:
            remedy = f"run `systemctl unmask {unit}`"
            yield Finding(ERROR, "unit-masked", unit, f"{unit} is masked by {path}, so that nothing starts it", remedy)
        return
    if _OURS not in _text(path):
        message = f"{path} replaces our {unit}"
        remedy = f"run `rm {path} && systemctl daemon-reload`, after moving what you need into a drop-in"
        yield Finding(WARNING, "unit-replaced", unit, message, remedy)
    for each in _drop_ins(root, unit):
        changed = _changed(_text(each))
        if changed:
            message = f"{each} changes {', '.join(changed)} of {unit}"
            remedy = f"run `rm {each} && systemctl daemon-reload`, then `systemctl try-restart {unit}`"
            yield Finding(WARNING, "drop-in", each, message, remedy)


def _fragment(root: paths.Root, unit: str) -> str:
    """Return the file of a unit, "" where it is not installed."""
    found = (root.path(f"{folder}/{unit}") for folder in paths.UNIT_DIRECTORIES)
    return next((each for each in found if os.path.lexists(each)), "")


def _is_masked(path: str) -> bool:
    try:
        return os.path.realpath(path) == os.devnull or os.stat(path).st_size == 0
    except OSError:
        return False


def _drop_ins(root: paths.Root, unit: str) -> Iterator[str]:
    """Yield the drop-ins of others; of two with one name, the one in the first directory counts."""
    seen: set[tuple[str, str]] = set()
    for name in _directories(unit):
        for folder in paths.UNIT_DIRECTORIES:
            directory = root.path(f"{folder}/{name}.d")
            try:
                files = sorted(os.listdir(directory))
            except OSError:
                continue
            for each in files:
                if each.endswith(".conf") and each != _OUR_DROP_IN and (name, each) not in seen:
                    seen.add((name, each))
                    yield f"{directory}/{each}"


def _directories(unit: str) -> tuple[str, ...]:
    stem, _, kind = unit.rpartition(".")
    words = stem.split("-")
    prefixes = [f"{'-'.join(words[:count])}-.{kind}" for count in range(len(words) - 1, 0, -1)]
    return (unit, *prefixes, kind)


def _changed(text: str) -> tuple[str, ...]:
    """Return the settings of a drop-in that make another unit of ours, in their order."""
    joined = text.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if not line.lstrip().startswith(("#", ";"))]
    named = [line.partition("=")[0].strip() for line in lines if "=" in line]
    return tuple(dict.fromkeys(each for each in named if each in _OF_WEIGHT))


def _text(path: str) -> str:
    try:
        return regular_file.read(path, follow_links=True).decode("utf-8", "replace")
    except OSError:
        return ""


CHECK = Check("unit-files", HOST, "our units, and drop-ins of others that change them", _run, needs_network=False)
