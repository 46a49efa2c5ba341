"""A conf that is not followed: Teleport was unhealthy with it, or an operator has rolled back from it."""

from __future__ import annotations

import logging

from teleport_bootstrap import errors, paths
from teleport_bootstrap.state import current, generations, new_generation

logger = logging.getLogger(__name__)


def generation(root: paths.Root) -> tuple[generations.Generation, str] | None:
    """Return the generation to keep and why, None where the present conf is to be followed.

    Raises as `trust.read` does where the conf cannot be read.
    """
    now = current.FILE.read_or_warn(root)
    if now is None or now.rejected_conf_sha256 is None or now.rejected_conf_sha256 != new_generation.conf_digest(root):
        return None
    try:
        return generations.load(root, now.generation), now.rejected_because
    except errors.GenerationMissing as error:
        logger.warning("%s", error.message)
        return None
