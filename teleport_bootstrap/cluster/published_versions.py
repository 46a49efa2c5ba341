"""Which versions of the published parameters this host has made: any other is another auth server's."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Mapping
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import changeset
from teleport_bootstrap.host import directory

logger = logging.getLogger(__name__)


def read(root: paths.Root) -> dict[str, int]:
    """Return the version by the parameter's name; none where nothing is kept."""
    with contextlib.suppress(OSError, ValueError):
        found = directory.read(root, paths.PUBLISHED)
        kept: Any = json.loads(found.content) if found else {}
        if isinstance(kept, dict):
            return {str(name): version for name, version in kept.items() if isinstance(version, int)}
    return {}


def write(root: paths.Root, versions: Mapping[str, int]) -> None:
    """Keep `versions`; where that fails, the next run takes its own for another's, and waits a little longer."""
    place = os.path.dirname(paths.PUBLISHED)
    try:
        with changeset.Changeset(root) as changes:
            changes.make_directory(place, mode=0o700, owner="root", group="root")
            changes.sweep(place)
            content = json.dumps(dict(versions), indent=2, sort_keys=True) + "\n"
            changes.write(paths.PUBLISHED, content.encode(), mode=0o600, owner="root", group="root")
            changes.commit()
    except errors.BootstrapError as error:
        logger.warning("what was published is not recorded: %s", error.message)
