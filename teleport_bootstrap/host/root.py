"""Every path of the agent, resolved under one root."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Root:
    """Where `/` is: an instance's own, an image under construction, or a test's scratch directory."""

    directory: str = "/"

    def path(self, absolute: str) -> str:
        """Return where `absolute`, a path as the instance will see it, is on this machine."""
        if not absolute.startswith("/"):
            raise ValueError(f"not an absolute path: {absolute}")
        return absolute if self.is_live else os.path.join(self.directory, absolute.lstrip("/"))

    @property
    def is_live(self) -> bool:
        """Whether this is the running system itself, whose units can be started."""
        return os.path.realpath(self.directory) == "/"
