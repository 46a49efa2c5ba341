"""Teleport's processes: which one is in charge, and whether a reload has replaced it.

On SIGHUP Teleport starts a successor, which shares all its listeners and writes the pid file before its services start.
The successor may still die or hang then, and until it has taken over, each of the two may answer on any port. So
neither the pid file nor a good answer proves anything. What does: the old process lets go of its listeners when its
successor has reported that it is ready, and not before. It may hold copies of them for two minutes longer, which it
made for the successor and does not accept connections on, so it matters which descriptors it has closed.

A successor that has died stays a zombie until the old process looks after it, and keeps its control group.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from teleport_bootstrap import paths, port_table, unit_table
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.host import directory, systemd

_LISTENING = "0A"
_PORT = f":{port_table.DIAGNOSTICS:04X}"


class Predecessor(NamedTuple):
    """A Teleport that is about to be reloaded, and the descriptors by which it listens on the diagnostics address."""

    process_id: int
    descriptors: frozenset[int]

    def has_handed_over(self, process_id: int) -> bool:
        """Whether it has ended, or has closed its listener and no longer waits for its successor `process_id`.

        Copies of an earlier reload that failed are among its descriptors, and stay or go at any time.
        """
        try:
            now = _listening_descriptors(self.process_id)
        except OSError:
            now = list(self.descriptors)
        has_closed = not self.descriptors.issubset(now) and not waits_for(self.process_id, process_id)
        return has_closed or not is_alive(self.process_id)


class _Process(NamedTuple):
    """What the kernel says of a process: its name, its state as a letter, its parent, and its start in clock ticks."""

    name: str
    state: str
    parent: int
    started: int


def from_pid_file(root: paths.Root) -> int | None:
    """Return the process that Teleport's pid file names, None without one; Teleport's account can replace the file."""
    number = (directory.content(root, paths.PID_FILE) or b"").strip()
    return int(number) if number.isdigit() and len(number) <= 10 else None


def write_pid_file(root: paths.Root, process_id: int) -> None:
    """Have Teleport's pid file name `process_id`, after a successor that failed had put itself there. Raises OSError.

    The file keeps its owner: Teleport writes it again, and need not be root.
    """
    folder, file = os.path.split(paths.PID_FILE)
    with contextlib.closing(directory.Directory(root.path(folder))) as opened:
        found = opened.read(file)
        if found is None or from_pid_file(root) == process_id:
            return
        staged = f".{file}.{os.getpid()}{directory.STAGED}"
        opened.remove_staged(file)
        opened.create(staged, b"%d" % process_id, mode=found.mode, uid=found.uid, gid=found.gid)
        # Not brought to the disk: it means nothing after a power loss.
        opened.rename(staged, file)


def in_charge(root: paths.Root) -> int | None:
    """Return the Teleport of our units that serves, None where none does.

    During a reload that is the old process, until its successor has taken over. Where no process listens on the
    diagnostics address, it is the one that the pid file names.
    """
    written = from_pid_file(root)
    if not root.is_live:
        return written
    listening = {each: _parent(each) for each in _of_our_units() if is_listening(each)}
    started = [each for each, old in listening.items() if old not in listening or not waits_for(old or 0, each)]
    newest = [each for each in started if each not in (listening[other] for other in started)]
    if newest:
        return written if written in newest else newest[0]
    return written if written is not None and is_alive(written) else None


def is_alive(process_id: int) -> bool:
    """Whether the process is there, and not a zombie."""
    found = _read(process_id)
    return found is not None and found.state not in "ZX"


def is_listening(process_id: int) -> bool:
    """Whether the process holds a socket that listens on the diagnostics address; also where that cannot be seen."""
    try:
        return bool(_listening_descriptors(process_id))
    except OSError:
        return is_alive(process_id)  # not ours to see: a process that may hold it must not count as one that let go


def about_to_be_reloaded(process_id: int) -> Predecessor:
    """Return what is needed to see later whether the successor of a Teleport has taken over."""
    try:
        return Predecessor(process_id, frozenset(_listening_descriptors(process_id)))
    except OSError:
        return Predecessor(process_id, frozenset())


def waits_for(process_id: int, successor: int) -> bool:
    """Whether a Teleport still waits for its successor to report on the pipe that they share for that."""

    def pipes(process: int) -> set[str]:
        # The first three lead to the journal.
        return {link for number, link in _descriptors(process) if number > 2 and link.startswith("pipe:")}

    try:
        return not pipes(process_id).isdisjoint(pipes(successor))
    except OSError:
        return is_alive(process_id)


def _listening_descriptors(process_id: int) -> list[int]:
    """Return the descriptors of the process that listen on the diagnostics address. Raises OSError."""
    listening = set(_listeners(process_id))
    return [number for number, link in _descriptors(process_id) if link in listening] if listening else []


def _descriptors(process_id: int) -> Iterable[tuple[int, str]]:
    """Return each descriptor with what it links to; nothing where the process is gone. Raises OSError."""
    gone = (FileNotFoundError, ProcessLookupError)
    with contextlib.suppress(*gone):
        for each in os.listdir(f"/proc/{process_id}/fd"):
            with contextlib.suppress(*gone):
                yield int(each), os.readlink(f"/proc/{process_id}/fd/{each}")


def _listeners(process_id: int) -> Iterable[str]:
    """Return what a descriptor of each socket that listens on the diagnostics port links to. Raises OSError."""
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/{process_id}/net/{table}", encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except FileNotFoundError:
            continue  # without IPv6, or gone
        yield from (f"socket:[{row[9]}]" for row in rows if row[1].endswith(_PORT) and row[3] == _LISTENING)


def successors(process_id: int) -> list[int]:
    """Return the children of a Teleport that run as it does: the successors that a reload has started.

    Its other children, such as people's sessions, have other arguments.
    """
    arguments = _arguments(process_id)
    return [
        child
        for child in _all()
        if arguments and _parent(child) == process_id and is_alive(child) and _arguments(child) == arguments
    ]


def of_unit(unit: str, main: int) -> list[int]:
    """Return the Teleports of `unit`, of which `main` is one: that in charge, and older ones with sessions left."""
    arguments = _arguments(main)
    mine = [each for each in _all() if arguments and _arguments(each) == arguments and is_alive(each)]
    return [each for each in mine if unit in systemd.units_around(each)]


def predecessor(process_id: int) -> int | None:
    """Return the Teleport that a reload has replaced by `process_id` and that still ends its sessions, None without."""
    parent, arguments = _parent(process_id), _arguments(process_id)
    return parent if parent is not None and arguments and _arguments(parent) == arguments else None


def has_dead_successor(process_id: int) -> bool:
    """Whether a zombie child of a Teleport bears its name; a child of a session that has just ended may do so too."""
    parent = _read(process_id)
    children = [each for each in map(_read, _all()) if each is not None and each.parent == process_id]
    return parent is not None and any(each.state == "Z" and each.name == parent.name for each in children)


def age(process_id: int) -> float:
    """Return for how many seconds the process has run, 0 where it is gone."""
    found = _read(process_id)
    try:
        with open("/proc/uptime", encoding="ascii") as file:
            uptime = float(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    return 0.0 if found is None else max(0.0, uptime - found.started / os.sysconf("SC_CLK_TCK"))


def _of_our_units() -> list[int]:
    return [each for each in _all() if not systemd.units_around(each).isdisjoint(unit_table.TELEPORT_SERVICES)]


def _all() -> list[int]:
    return [int(each) for each in os.listdir("/proc") if each.isdecimal()]


def _parent(process_id: int) -> int | None:
    found = _read(process_id)
    return None if found is None else found.parent


def _read(process_id: int) -> _Process | None:
    try:
        with open(f"/proc/{process_id}/stat", encoding="utf-8", errors="replace") as file:
            # The name, in parentheses, may hold anything.
            before, _, after = file.read().rpartition(")")
        fields = after.split()
        return _Process(before.partition("(")[2], fields[0], int(fields[1]), int(fields[19]))
    except (OSError, ValueError, IndexError):
        return None


def _arguments(process_id: int) -> list[bytes]:
    """Return the arguments of a process, without the name it was called by; empty where it is gone."""
    try:
        with open(f"/proc/{process_id}/cmdline", "rb") as file:
            return file.read().split(b"\0")[1:]
    except OSError:
        return []
