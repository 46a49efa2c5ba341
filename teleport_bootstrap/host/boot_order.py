"""What systemd left out of this boot to break an ordering cycle.

Where units wait for each other in a circle, systemd deletes the start of one of them; which one may change from boot to
boot. It says so before the journal is there, and in a container nowhere but on the console. No unit counts as failed.
What systemd 259 and newer remember of it is gone after a `daemon-reload`, so the states of the units come first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from teleport_bootstrap import errors, regex
from teleport_bootstrap.host import process, systemd

_MANAGER = (
    *("busctl", "get-property", "org.freedesktop.systemd1", "/org/freedesktop/systemd1"),
    "org.freedesktop.systemd1.Manager",
)
# A circle is short; the way back from a unit to the very first one is not much longer.
_MOST_STEPS = 12
_SOME = regex.compile(r"at [1-9]")


def left_out(target: str) -> tuple[str, ...]:
    """Return the units that `target` wants and that systemd did not even try to start in this boot, by name.

    None where the target itself was not started. A unit whose conditions failed was tried. Raises UnitTrouble.
    """
    found = systemd.properties("Wants,ActiveState,Job", [target])[0]
    if not _is_begun(found):
        return ()
    wanted = sorted(each for each in found.get("Wants", "").split() if each.endswith(".service"))
    if not wanted:
        return ()
    names = "Id,LoadState,ActiveState,Job,ConditionTimestampMonotonic"
    return tuple(
        each.get("Id", "")
        for each in systemd.properties(names, wanted)
        if each.get("LoadState") == "loaded"
        and each.get("ActiveState") == "inactive"
        and not _has_job(each)
        and each.get("ConditionTimestampMonotonic", "0") == "0"
    )


def had_cycle() -> bool:
    """Whether systemd 259 or newer says that it found an ordering cycle since it last read its unit files."""
    done = process.run(
        [*_MANAGER, "TransactionsWithOrderingCycle"],
        most_bytes=process.SHORT,
        timeout_seconds=systemd.CALL_SECONDS,
    )
    return done.ok and bool(_SOME.match(done.output))


def cycle(unit: str) -> tuple[str, ...]:
    """Return the shortest circle of units through `unit`, each of which starts after the next; empty without one.

    Units are asked for by name, step by step: systemd forgets one that it has left out, and a pattern would miss it.
    """
    came_from: dict[str, str] = {}
    here = [unit]
    for _ in range(_MOST_STEPS):
        found: list[str] = []
        for name, after in _after(here):
            if unit in after:
                return _way(came_from, unit, name)
            new = [each for each in after if each not in came_from and each != unit]
            came_from.update(dict.fromkeys(new, name))
            found += new
        if not found:
            break
        here = found
    return ()


def _after(units: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return each of `units` with what it starts after."""
    try:
        found = systemd.properties("After", units)
    except errors.UnitTrouble:
        return []
    # In the order of the arguments; a name may be an alias of the unit's own.
    return [(unit, each.get("After", "").split()) for unit, each in zip(units, found)]


def _way(came_from: Mapping[str, str], unit: str, last: str) -> tuple[str, ...]:
    way = [last]
    while way[-1] != unit:
        way.append(came_from[way[-1]])
    return tuple(reversed(way))


def described(circle: Sequence[str]) -> str:
    """Return a circle of units in words."""
    return " after ".join([*circle, circle[0]]) if circle else ""


def _is_begun(unit: Mapping[str, str]) -> bool:
    return unit.get("ActiveState") in ("active", "activating") or _has_job(unit)


def _has_job(unit: Mapping[str, str]) -> bool:
    return unit.get("Job", "") not in ("", "0")
