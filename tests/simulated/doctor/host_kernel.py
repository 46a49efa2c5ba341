"""A /proc in a scratch root: what the kernel of a running host says there, as far as `doctor` reads it."""

from __future__ import annotations

import itertools
import socket
import struct
from pathlib import Path

from tests.simulated.agent import Agent

TELEPORT = 4242
NGINX = 812
UNIT = "/system.slice/teleport.service"


class Kernel:
    """The processes, sockets and figures of one host."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._rows: list[str] = []
        self._inodes = itertools.count(900000)
        self.figures()
        agent.write("/run/teleport/teleport.pid", f"{TELEPORT}\n")
        self.process(TELEPORT, "teleport", UNIT)
        self._write_rows()

    def figures(self, *, available_mib: int = 1500, release: str = "6.1.0-37-cloud-amd64", entropy: int = 256) -> None:
        """Set the memory that is left, the release of the kernel, and its entropy."""
        self.agent.write(
            "/proc/meminfo",
            f"MemTotal:  2000000 kB\nMemFree:  1000 kB\nMemAvailable: {available_mib * 1024} kB\nSwapFree: 0 kB\n",
        )
        self.agent.write("/proc/sys/kernel/osrelease", f"{release}\n")
        self.agent.write("/proc/sys/kernel/random/entropy_avail", f"{entropy}\n")

    def process(self, number: int, name: str, group: str, *, open_files: int = 524288) -> Path:
        """Add a process, and return the directory of its descriptors."""
        self.agent.write(f"/proc/{number}/comm", f"{name}\n")
        self.agent.write(f"/proc/{number}/cgroup", f"0::{group}\n")
        self.agent.write(
            f"/proc/{number}/limits",
            "Limit                     Soft Limit           Hard Limit           Units     \n"
            f"Max open files            {open_files:<20} {open_files:<20} files     \n",
        )
        folder = self.agent.path(f"/proc/{number}/fd")
        folder.mkdir(exist_ok=True)
        return folder

    def listen(self, number: int, port: int, host: str = "0.0.0.0") -> None:
        """Let a process listen there."""
        inode = next(self._inodes)
        (word,) = struct.unpack("=I", socket.inet_aton(host))
        self._rows.append(
            f"   {len(self._rows)}: {word:08X}:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     "
            f"0        0 {inode} 1 0000000000000000 100 0 0 10 0"
        )
        descriptors = self.agent.path(f"/proc/{number}/fd")
        (descriptors / str(len(list(descriptors.iterdir())) + 3)).symlink_to(f"socket:[{inode}]")
        self._write_rows()

    def close(self, port: int) -> None:
        """Let nothing listen on a port any more."""
        self._rows = [each for each in self._rows if f":{port:04X} 00000000:0000" not in each]
        self._write_rows()

    def _write_rows(self) -> None:
        self.agent.write("/proc/net/tcp", "\n".join(["  sl  local_address rem_address   st", *self._rows]) + "\n")
