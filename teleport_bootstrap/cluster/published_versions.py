"""Which versions of the published parameters this host has made: any other is another auth server's."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from teleport_bootstrap import errors, paths
from teleport_bootstrap.state import state_file

logger = logging.getLogger(__name__)

_FILE: state_file.StateFile[dict[str, int]] = state_file.StateFile(
    paths.PUBLISHED, dict[str, int], unknown="the versions that this host has published are unknown"
)


def read(root: paths.Root) -> dict[str, int]:
    """Return the version by the parameter's name; none where nothing is kept."""
    return _FILE.read_or_warn(root) or {}


def write(root: paths.Root, versions: Mapping[str, int]) -> None:
    """Keep `versions`; where that fails, the next run takes its own for another's, and waits a little longer."""
    try:
        _FILE.write(root, dict(versions))
    except errors.FileTrouble as error:
        logger.warning("what was published is not recorded: %s", error.message)
