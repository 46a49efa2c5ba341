"""What Teleport would say of a document at its start, or worse, later: a model of the rules beyond `configure --test`.

`teleport configure --test` knows each key and its type, and is asked before anything is written. It knows nothing of
keys that exclude or need each other, of addresses, versions and ports: that is judged here, by theme, and only where
the rule is certain. Of a section that is disabled Teleport checks none of this, and neither do we.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teleport_bootstrap.plan import deployment, overrides, provenance, teleport_build
from teleport_bootstrap.plan.checks import (
    addresses,
    agent,
    authentication,
    joining,
    labels,
    ports,
    proxy,
    role,
    shape,
)
from teleport_bootstrap.plan.checks.finding import Finding
from teleport_bootstrap.plan.checks.subject import Subject

THEMES = (shape, joining, addresses, ports, proxy, authentication, labels, agent, role)


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
    subject = Subject(tree, provenance.document(tree), build, deployment, tuple(removed))
    broken = tuple(shape.sections(subject))
    if broken:
        return broken
    found = [finding for theme in THEMES for finding in theme.check(subject)]
    return tuple(sorted(found, key=lambda finding: finding.warning))
