"""Whether the ports of this host's Teleport are free, or held by Teleport itself."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import unit_table
from teleport_bootstrap.doctor.check import HOST, Check, Skipped
from teleport_bootstrap.doctor.local import sockets
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.plan import services
from teleport_bootstrap.records import dataclass

# The name of its program, for one that was started outside our units.
_TELEPORT = "teleport"


@dataclass(frozen=True)
class Port:
    """A port that teleport.yaml asks for, and who holds it: `holders` are none where it is free, or not to be seen."""

    listener: services.Listener
    is_held: bool
    holders: tuple[sockets.Process, ...]

    @property
    def others(self) -> tuple[sockets.Process, ...]:
        """The holders that are not Teleport; a socket that Teleport shares with its sessions is Teleport's."""
        return () if any(map(_is_teleport, self.holders)) else self.holders


def _is_teleport(process: sockets.Process) -> bool:
    return process.name == _TELEPORT or not set(unit_table.TELEPORT_SERVICES).isdisjoint(process.units)


def read(subject: Subject) -> tuple[Port, ...]:
    """Return each port of this host's teleport.yaml. Raises Skipped."""

    def look() -> tuple[Port, ...]:
        all_of_them = sockets.listening(subject.root)
        wanted = services.listeners(subject.document)
        held = {each: [one for one in all_of_them if one.covers(each.host, each.port)] for each in wanted}
        by_inode = sockets.holders(subject.root, {one.inode for each in held.values() for one in each})
        return tuple(
            Port(
                each,
                bool(held[each]),
                tuple(dict.fromkeys(process for one in held[each] for process in by_inode.get(one.inode, ()))),
            )
            for each in wanted
        )

    return subject.once("ports", look)


def conflicts(subject: Subject) -> tuple[Port, ...]:
    """Return the ports that another program holds; none where that cannot be known."""
    try:
        return tuple(each for each in read(subject) if each.others)
    except Skipped:
        return ()


def _run(subject: Subject) -> Iterator[Finding]:
    all_of_them = read(subject)
    unit = subject.host.unit or unit_table.TELEPORT_SERVICES[0]
    for each in all_of_them:
        if each.others:
            port, section = each.listener.port, each.listener.path[0]
            message = f"port {port}, where {section} listens, is held by {', '.join(map(str, each.others))}"
            yield Finding(ERROR, "port-taken", str(port), message, _remedy(each.others[0], unit))
    held = sorted({each.listener.port for each in all_of_them if each.holders and not each.others})
    free = sorted({each.listener.port for each in all_of_them if not each.is_held})
    unknown = sorted({each.listener.port for each in all_of_them if each.is_held and not each.holders})
    parts = [
        f"{what} {', '.join(map(str, ports))}"
        for what, ports in (("held by Teleport:", held), ("free:", free), ("held, by whom is not to be seen:", unknown))
        if ports
    ]
    yield Finding(NOTE, "ports", "", "; ".join(parts))


def _remedy(holder: sockets.Process, unit: str) -> str:
    end = f"`systemctl disable --now {holder.service}`" if holder.service else f"`kill {holder.number}`"
    return f"give it another port, or end it: {end}; then run `systemctl restart {unit}`"


CHECK = Check("ports", HOST, "the ports of Teleport: whether another program holds one", _run, needs_network=False)
