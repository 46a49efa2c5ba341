"""The versions of the SSM parameters that this host has published; any other is from another auth server."""

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
    """Return the versions by the parameter's name; none where none are recorded."""
    return _FILE.read_or_warn(root) or {}


def write(root: paths.Root, versions: Mapping[str, int]) -> None:
    """Record `versions`; where that fails, the next run takes them for another host's, and publishes a little later."""
    try:
        _FILE.write(root, dict(versions))
    except errors.FileTrouble as error:
        logger.warning("could not record the published versions: %s", error.message)
