"""Which TCP ports are listened on, and by which processes. (proc(5).)"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Collection, Iterable, Mapping

from teleport_bootstrap import escaping, paths
from teleport_bootstrap.doctor.local import kernel_files
from teleport_bootstrap.plan import network_address
from teleport_bootstrap.records import dataclass

_LISTENING = "0A"
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Socket:
    """A listening socket: its address as text, its port, and the number of its inode."""

    host: str
    port: int
    inode: int

    def covers(self, host: str, port: int) -> bool:
        """Whether no other socket can listen on `host` and `port` beside it."""
        everywhere = network_address.EVERYWHERE
        return self.port == port and (self.host == host or self.host in everywhere or host in everywhere)


@dataclass(frozen=True)
class Process:
    """A process: its number, its name, and the units of systemd that it is in, the innermost last."""

    number: int
    name: str
    units: tuple[str, ...]

    @property
    def service(self) -> str:
        """The service that it belongs to, "" for none."""
        return next((each for each in reversed(self.units) if each.endswith(".service")), "")

    def __str__(self) -> str:
        return f"{self.name} (process {self.number}{f', {self.service}' if self.service else ''})"


def listening(root: paths.Root) -> tuple[Socket, ...]:
    """Return every TCP socket that listens; raises Skipped where the root is not a running system."""
    # Without IPv6 there is no tcp6.
    tables = (kernel_files.required(root, "/proc/net/tcp"), kernel_files.text(root, "/proc/net/tcp6") or "")
    return tuple(each for table in tables for each in _sockets(table))


def _sockets(table: str) -> Iterable[Socket]:
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTENING:
            address, _, port = fields[1].rpartition(":")
            with contextlib.suppress(ValueError, struct.error):
                yield Socket(_address(address), int(port, 16), int(fields[9]))


def _address(digits: str) -> str:
    """Return an address that the kernel has written as words in the order of this machine's bytes."""
    words = struct.pack(f"={len(digits) // 8}I", *(int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)))
    return socket.inet_ntop(socket.AF_INET6 if len(words) == 16 else socket.AF_INET, words)


def holders(root: paths.Root, inodes: Collection[int]) -> Mapping[int, tuple[Process, ...]]:
    """Return the processes that hold each of the sockets `inodes`; one that cannot be looked at is left out."""
    wanted = {f"socket:[{each}]": each for each in inodes}
    found: dict[int, tuple[Process, ...]] = {}
    try:
        numbers = sorted(int(each) for each in os.listdir(root.path("/proc")) if each.isdecimal())
    except OSError:
        return found
    for number in numbers:
        held = {wanted[link] for link in _descriptors(root, number) if link in wanted}
        for inode in held:
            found[inode] = (*found.get(inode, ()), _process(root, number))
    return found


def _descriptors(root: paths.Root, number: int) -> Iterable[str]:
    folder = root.path(f"/proc/{number}/fd")
    with contextlib.suppress(OSError):
        for each in os.listdir(folder):
            with contextlib.suppress(OSError):
                yield os.readlink(f"{folder}/{each}")


def _process(root: paths.Root, number: int) -> Process:
    name = (kernel_files.text(root, f"/proc/{number}/comm") or "").strip()
    groups = (kernel_files.text(root, f"/proc/{number}/cgroup") or "").splitlines()
    units = [part for group in groups for part in group.split(":", 2)[-1].split("/") if "." in part]
    return Process(number, escaping.one_line(name or "a process", _LONGEST_NAME), tuple(dict.fromkeys(units)))
