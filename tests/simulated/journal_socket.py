"""A journal that listens in a scratch root: what a command sends to it, entry by entry."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from teleport_bootstrap.cli import recording


class Journal:
    """The socket of a journal below `root`; `entries` are those that arrived since the last look."""

    def __init__(self, root: Path) -> None:
        folder = root / "run/systemd/journal"
        folder.mkdir(parents=True, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        # By a descriptor, since the path of a scratch directory may be too long for an address.
        descriptor = os.open(folder, os.O_PATH)
        self.socket.bind(f"/proc/self/fd/{descriptor}/socket")
        os.close(descriptor)

    def entries(self) -> list[dict[str, str]]:
        found = []
        while True:
            try:
                data = self.socket.recv(65536)
            except BlockingIOError:
                return found
            found.append(dict(line.split("=", 1) for line in data.decode().splitlines()))

    def one(self) -> dict[str, str]:
        """Return the one line of a command that has just ended, and nothing else has arrived."""
        (entry,) = self.entries()
        assert entry["MESSAGE_ID"] == recording.MESSAGE_ID
        assert entry["SYSLOG_IDENTIFIER"] == "teleport-bootstrap"
        return entry

    def close(self) -> None:
        self.socket.close()
