"""Whether this account may read what this agent knows of the host."""

from __future__ import annotations

import os

from teleport_bootstrap import errors, paths


def require(root: paths.Root, command: str) -> None:
    """Raise FileTrouble where this account may not read the state, the conf or teleport.yaml.

    Without it, `command` would take what it cannot read for missing.
    """
    for path, access in ((paths.STATE, os.R_OK | os.X_OK), (paths.CONF, os.R_OK), (paths.TELEPORT_YAML, os.R_OK)):
        shown = root.path(path)
        if os.path.lexists(shown) and not os.access(shown, access):
            raise errors.FileTrouble(
                f"{command} reads {shown}, which only root can read", hint=f"Run `sudo teleport-bootstrap {command}`."
            )
