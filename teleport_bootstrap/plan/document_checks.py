"""What Teleport would refuse in a document at its start or later, beyond what `teleport configure --test` checks.

`teleport configure --test` knows each key and its type, and runs before anything is written. It does not know which
keys exclude or need each other, nor addresses, versions and ports. The themes below judge these, and only where the
rule is certain. Teleport does not check disabled sections, and neither do they.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teleport_bootstrap.conf import deployment
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import overrides, provenance, teleport_build
from teleport_bootstrap.plan.checks import addresses, authentication, joining, proxy, resources, shape
from teleport_bootstrap.plan.checks.context import Context

# The code of a theme's findings, and what checks it, in the order of the report.
_THEMES = {
    "document-shape": shape.check,
    "document-joining": joining.check,
    "document-address": addresses.check,
    "document-listener": addresses.check_ports,
    "document-proxy": proxy.check,
    "document-authentication": authentication.check,
    "document-label": resources.check_labels,
    "document-agent": resources.check_agent,
    "document-role": shape.check_role,
}


def check(
    tree: dict[str, Any],
    *,
    build: teleport_build.TeleportBuild,
    deployment: deployment.Deployment,
    removed: Sequence[overrides.Removed] = (),
) -> tuple[Finding, ...]:
    """Return everything that is wrong with the document `tree`, errors before warnings, each theme in its order.

    Where the sections themselves are not mappings, nothing else can be judged, and only that is returned.
    """
    document = provenance.document(tree)

    def context(code: str) -> Context:
        return Context(tree, document, build, deployment, removed, code)

    broken = tuple(shape.sections(context("document-shape")))
    if broken:
        return broken
    found = [finding for code, theme in _THEMES.items() for finding in theme(context(code))]
    return tuple(sorted(found, key=lambda finding: not finding.is_error))
