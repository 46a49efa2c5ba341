"""The files that the planned teleport.yaml names, looked for before anything is written."""

from __future__ import annotations

import os
from collections.abc import Callable

from teleport_bootstrap import errors, paths
from teleport_bootstrap.conf import deployment
from teleport_bootstrap.plan import named_files, plan_model, provenance


def require(root: paths.Root, plan: plan_model.Plan, *, coming: Callable[[str], bool] | None = None) -> tuple[str, ...]:
    """Return a note for each missing file that Teleport only needs to join; raise NeededFileMissing for any other.

    The secrets of the plan are fetched, and the unit waits for them and for the files from Let's Encrypt: those need
    not be there, and neither need what is `coming` with the same change.
    """
    brought = {each.path for each in plan.activation.secrets}
    if plan.activation.deployment.tls is deployment.Tls.LETSENCRYPT:
        brought |= {paths.CERTIFICATE, paths.PRIVATE_KEY}
    missing = [
        each
        for each in named_files.needed(plan.document)
        if each.path not in brought and not (coming and coming(each.path)) and not os.path.exists(root.path(each.path))
    ]
    stopping = [_described(plan, each) for each in missing if not each.until_joined]
    if stopping:
        raise errors.NeededFileMissing(
            "\n".join(["teleport.yaml names files that do not exist:", *stopping]),
            hint="Put the files there first, or correct the named lines. Nothing was written.",
        )
    return tuple(_described(plan, each) for each in missing)


def _described(plan: plan_model.Plan, file: named_files.NeededFile) -> str:
    origins = provenance.origins(plan.tree, file.key)
    return f"{file.path} is missing: {file.why} ({provenance.dotted(file.key)}, from {', '.join(map(str, origins))})"
