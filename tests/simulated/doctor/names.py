"""A host for which names are those of the test: the command runs in a mount namespace with name files of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Optional

import pytest

from tests.simulated.agent import Agent, Ended, needs_root

_SCRIPT = (
    'mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/resolv.conf" /etc/resolv.conf && '
    'mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf && shift && exec "$@"'
)


def can_mount() -> bool:
    """Whether this machine lets a test have names of its own."""
    tried = ("unshare", "--mount", "--", "mount", "-t", "tmpfs", "none", "/mnt")
    return (
        shutil.which("unshare") is not None and not subprocess.run(tried, check=False, capture_output=True).returncode
    )


class Names(Agent):
    """An agent for which names are what `hosts` says: of /etc/hosts alone, or of `server`, a name server."""

    def __init__(self, directory: Path, **options: Any) -> None:
        super().__init__(directory / "root", **options)
        self.hosts: dict[str, str] = {}
        self.server: Optional[str] = None
        self.folder = directory / "names"
        self.folder.mkdir(parents=True)

    def run(self, *arguments: str, prefix: tuple[str, ...] = (), **options: Any) -> Ended:
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in self.hosts.items())]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n")
        (self.folder / "resolv.conf").write_text(f"nameserver {self.server}\n" if self.server else "")
        (self.folder / "nsswitch.conf").write_text("hosts: files" + (" dns" if self.server else "") + "\n")
        within = ("unshare", "--mount", "--", "sh", "-ec", _SCRIPT, "sh", str(self.folder))
        return super().run(*arguments, prefix=(*within, *prefix), **options)


# For tests that need names.
needs_names = [needs_root, pytest.mark.skipif(not can_mount(), reason="mounting is not permitted here")]
