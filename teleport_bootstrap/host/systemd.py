"""The interface to systemd: the states of units, and how to enable, disable, start and stop them."""

from __future__ import annotations

import contextlib
import glob
import math
import os
import shlex
from collections.abc import Mapping, Sequence

from teleport_bootstrap import errors, escaping, paths, regex
from teleport_bootstrap.host import clock, process, regular_file, underway
from teleport_bootstrap.records import dataclass

CALL_SECONDS = 30.0
# A stopped Teleport ends its sessions first; its units give it no longer than this.
STOP_SECONDS = 120.0

# For the processes of a unit to be gone after SIGKILL.
KILL_SECONDS = 10.0

CLOUD_FINAL = "cloud-final.service"
BOOT = "multi-user.target"


@dataclass(frozen=True)
class State:
    """A unit as systemd sees it: `active` as in active, inactive, failed; `enablement` as in enabled, disabled.

    `sub` is finer, as in running, dead, auto-restart; `restarts` counts how often systemd started it again by itself.
    `conditions_held` is false where a condition refused its last start, and where it was not started in this boot.
    `started` is when its main process was, in seconds since 1970, 0 where it never was. `is_stale` says that its files
    have changed since systemd read them.
    """

    active: str = "unknown"
    enablement: str = "unknown"
    main_pid: int = 0
    conditions_held: bool = False
    started: float = 0.0
    is_stale: bool = False
    sub: str = "unknown"
    restarts: int = 0

    @property
    def is_failing(self) -> bool:
        """Whether a service has failed, or fails at each start: between two attempts it is `activating`."""
        return self.active == "failed" or self.sub == "auto-restart"


_NUMBER = regex.compile("[0-9]{1,20}")
# Seconds since 1970, as journalctl writes them.
_MOMENT = regex.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_PROPERTIES = (
    "Id,ActiveState,SubState,UnitFileState,MainPID,NRestarts,ConditionResult,ExecMainStartTimestampMonotonic,"
    "NeedDaemonReload"
)


def service_of(timer: str) -> str:
    """Return the service that `timer` starts."""
    return f"{timer.rpartition('.')[0]}.service"


def is_installed(root: paths.Root, unit: str) -> bool:
    """Whether there is a file for `unit` under the root."""
    return any(os.path.exists(root.path(f"{directory}/{unit}")) for directory in paths.UNIT_DIRECTORIES)


def unit_files(pattern: str) -> tuple[str, ...]:
    """Return the units that are installed on the running system and match `pattern`. Raises UnitTrouble."""
    lines = _systemctl(["list-unit-files", "--no-legend", "--no-pager", "--full", pattern]).output.splitlines()
    return tuple(line.split()[0] for line in lines if line.strip())


def is_enabled_offline(root: paths.Root, unit: str) -> bool:
    """Whether links in the files below the root enable `unit`; for a root that is not a running system."""
    pattern = os.path.join(glob.escape(root.path(paths.SYSTEMD)), "*.wants", unit)
    return any(os.path.lexists(path) for path in glob.glob(pattern))


def is_running(root: paths.Root) -> bool:
    """Whether the root is a running system with systemd as its init; an image or a scratch directory is not."""
    return root.is_live and os.path.isdir("/run/systemd/system")


def states(units: Sequence[str]) -> dict[str, State]:
    """Return the state of each of `units` on the running system; raises UnitTrouble where systemd does not answer."""
    if not units:
        return {}
    found = {
        fields.get("Id"): State(
            fields.get("ActiveState", "unknown"),
            fields.get("UnitFileState") or "unknown",
            _number(fields, "MainPID"),
            conditions_held=fields.get("ConditionResult") == "yes",
            started=_since_1970(_number(fields, "ExecMainStartTimestampMonotonic")),
            is_stale=fields.get("NeedDaemonReload") == "yes",
            sub=fields.get("SubState", "unknown"),
            restarts=_number(fields, "NRestarts"),
        )
        for fields in properties(_PROPERTIES, units)
    }
    return {unit: found.get(unit, State()) for unit in units}


def _number(fields: Mapping[str, str], name: str) -> int:
    """Return a property that is a number, 0 where it is empty. Raises UnitTrouble for anything else."""
    text = fields.get(name) or "0"
    if not _NUMBER.fullmatch(text):
        unit, shown = (escaping.one_line(each, 80) for each in (fields.get("Id", "a unit"), text))
        raise errors.UnitTrouble(
            f"systemd says that {name} of {unit} is {shown}, which is not a number",
            hint="Look at `systemctl show` of that unit, and at `systemctl --version`.",
        )
    return int(text)


def _since_1970(monotonic_microseconds: int) -> float:
    """Return when that was by the clock that files are stamped with; systemd's own answer is text in local time."""
    if not monotonic_microseconds:
        return 0.0
    return clock.SYSTEM.wall() - (clock.SYSTEM.monotonic() - monotonic_microseconds / 1_000_000)


def succeeded_at(unit: str) -> float | None:
    """Return when the service `unit` last succeeded in this boot, in seconds since 1970; None where it did not.

    Raises UnitTrouble.
    """
    fields = properties("Result,ExecMainStatus,ExecMainExitTimestampMonotonic", [unit])[0]
    ended = _number(fields, "ExecMainExitTimestampMonotonic")
    succeeded = fields.get("Result") == "success" and fields.get("ExecMainStatus") == "0"
    return _since_1970(ended) if succeeded and ended else None


def environment(unit: str) -> dict[str, str]:
    """Return the variables that `unit` sets for its processes, in its own lines and in files. Raises UnitTrouble."""
    fields = _show_lines("Environment,EnvironmentFiles", unit)
    found = dict(_assignments(" ".join(value for name, value in fields if name == "Environment")))
    for name, value in fields:
        if name != "EnvironmentFiles":
            continue
        with contextlib.suppress(OSError):
            # Followed, since systemd does.
            content = regular_file.read(value.rpartition(" (")[0], follow_links=True)
            for line in content.decode("utf-8", "replace").splitlines():
                if not line.lstrip().startswith(("#", ";")):
                    found.update(_assignments(line))
    return found


def _assignments(text: str) -> list[tuple[str, str]]:
    try:
        words = shlex.split(text)
    except ValueError:  # an open quote
        return []
    return [(name, value) for name, separator, value in (word.partition("=") for word in words) if separator]


def enable(root: paths.Root, units: Sequence[str]) -> None:
    """Have `units` started at each boot. Raises UnitTrouble."""
    if units:
        _systemctl([*_offline(root), "enable", *units])


def disable(root: paths.Root, units: Sequence[str]) -> None:
    """Have `units` not started at boot any more. Raises UnitTrouble."""
    if units:
        _systemctl([*_offline(root), "disable", *units])


def reset_failed(unit: str) -> None:
    """Let `unit` no longer count as failed; raises UnitTrouble."""
    _systemctl(["reset-failed", unit])


def reload() -> None:
    """Let systemd read unit files and drop-ins again. Raises UnitTrouble."""
    _systemctl(["daemon-reload"])


def start(units: Sequence[str]) -> None:
    """Ask for `units` to be started, and do not wait.

    Teleport's units are ordered after cloud-final.service and after generate-config: to wait for them inside one of
    these would deadlock. Raises UnitTrouble where systemd refuses at once.
    """
    if units:
        _systemctl(["start", "--no-block", *units])


def restart(units: Sequence[str]) -> None:
    """Ask for those of `units` that run to be restarted, and do not wait. Raises UnitTrouble."""
    if units:
        _systemctl(["try-restart", "--no-block", *units])


def restart_now(unit: str, *, seconds: float = STOP_SECONDS) -> None:
    """Restart `unit`, and wait until systemd has done so; an end of the process after that is not waited for.

    Raises UnitTrouble, also where systemd takes longer than `seconds`.
    """
    with underway.displayed(f"restarting {unit}", seconds):
        _systemctl(["restart", unit], timeout_seconds=seconds)


def start_now(unit: str, *, seconds: float) -> None:
    """Start `unit`, and wait until systemd has done so, also for a restart that is under way. Raises UnitTrouble."""
    with underway.displayed(f"starting {unit}", seconds):
        _systemctl(["start", unit], timeout_seconds=seconds)


def kill(units: Sequence[str]) -> None:
    """Send SIGKILL to all processes of `units`."""
    process.run(
        ["systemctl", "--no-ask-password", "kill", "--signal=SIGKILL", *units],
        most_bytes=process.SHORT,
        timeout_seconds=CALL_SECONDS,
    )


def reload_unit(unit: str) -> None:
    """Let `unit` read its configuration again without dropping connections. Raises UnitTrouble."""
    with underway.displayed(f"reloading {unit}", CALL_SECONDS):
        _systemctl(["reload", unit])


def last_words(unit: str, *, since: float, lines: int = 12) -> str:
    """Return the last lines that `unit` left in the journal since then (seconds since 1970); empty without any."""
    # Not with --lines=: together with --since= older versions take the first ones.
    newest_first = _journal(["--output=cat", f"--since=@{math.floor(since)}", f"--unit={unit}"])
    said = [line for line in newest_first.split("\n") if line.strip()]
    return "\n".join(reversed(said[:lines]))


def journal_lines(unit: str, *, lines: int = 5000) -> list[tuple[float, str]]:
    """Return the last lines that `unit` left in the journal in this boot, each with its time in seconds since 1970."""
    newest_first = _journal(["--boot", "--output=short-unix", f"--lines={lines}", f"--unit={unit}"])
    found = []
    for line in reversed(newest_first.splitlines()):
        moment, _, rest = line.partition(" ")
        if _MOMENT.fullmatch(moment):
            found.append((float(moment), rest))
    return found


def _journal(chosen: Sequence[str]) -> str:
    """Return lines of the journal, the newest first, and as many as are read in a bounded time and size."""
    found = process.excerpt(
        ["journalctl", "--no-pager", "--quiet", "--reverse", *chosen],
        most_bytes=process.LONG,
        timeout_seconds=CALL_SECONDS,
    )
    return found.text


def stop(units: Sequence[str], *, wait: bool, seconds: float = STOP_SECONDS) -> None:
    """Stop `units`, and wait for it, at most for `seconds`, where `wait` says so. Raises UnitTrouble."""
    if units:
        with underway.displayed(f"stopping {', '.join(units)}", seconds):
            _systemctl(["stop", *([] if wait else ["--no-block"]), *units], timeout_seconds=seconds)


def stop_by_force(units: Sequence[str], *, seconds: float = STOP_SECONDS) -> None:
    """Stop `units`, and kill what is left of them after `seconds`. Raises UnitTrouble."""
    try:
        stop(units, wait=True, seconds=seconds)
    except errors.UnitTrouble:
        # The job to stop them is still there, and ends with the last process.
        kill(units)
        stop(units, wait=True, seconds=KILL_SECONDS)


def is_inside_user_data() -> bool:
    """Whether cloud-init's last stage, which runs user-data, is under way, so that nothing may wait for units."""
    return states([CLOUD_FINAL])[CLOUD_FINAL].active == "activating"


def is_boot_under_way() -> bool:
    """Whether a start of Teleport's units would wait for the boot to end, of which our caller may be a part.

    They are ordered after multi-user.target and after user-data; what has not been done of these has a job.
    """
    shown = properties("Id,ActiveState,Job", [BOOT, CLOUD_FINAL])
    return any(each.get("ActiveState") == "activating" or each.get("Job", "") not in ("", "0") for each in shown)


def units_around(process_id: int | None = None) -> frozenset[str]:
    """Return the units in whose control group a process is, our own without `process_id`; none where it is gone."""
    try:
        with open(
            f"/proc/{'self' if process_id is None else process_id}/cgroup", encoding="utf-8", errors="replace"
        ) as file:
            groups = [line.rstrip("\n").split(":", 2)[-1] for line in file]
    except OSError:
        return frozenset()
    return frozenset(part for group in groups for part in group.split("/") if "." in part)


def properties(names: str, units: Sequence[str]) -> list[dict[str, str]]:
    """Return the properties `names` of each of `units`, by name. Raises UnitTrouble."""
    # One of them may be called -.slice.
    blocks = _systemctl(["show", f"--property={names}", "--", *units]).output.split("\n\n")
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def _show_lines(properties: str, unit: str) -> list[tuple[str, str]]:
    """Return those properties of `unit`; one that is a list has several lines."""
    output = _systemctl(["show", f"--property={properties}", unit]).output
    pairs = (line.partition("=") for line in output.splitlines())
    return [(name, value) for name, _, value in pairs]


def _offline(root: paths.Root) -> list[str]:
    return [] if is_running(root) else [f"--root={root.directory}"]


def _systemctl(arguments: Sequence[str], *, timeout_seconds: float = CALL_SECONDS) -> process.Finished:
    done = process.run(
        ["systemctl", "--no-ask-password", *arguments], most_bytes=process.LONG, timeout_seconds=timeout_seconds
    )
    if not done.ok:
        raise errors.UnitTrouble(done.describe(), hint="Look at `systemctl status` and `journalctl -b` of that unit.")
    return done
