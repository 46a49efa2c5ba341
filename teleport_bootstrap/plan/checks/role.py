"""Where the document departs from what the conf made this instance: its unit, its account, its names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import roles
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan.checks.context import Context

_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,255}", re.ASCII)
# Characters that SSM takes in the names of the parameters that are named after the cluster.
_CLUSTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)


def check(context: Context) -> Iterator[Finding]:
    """Find what the units, the timers and the secrets of this instance do not fit."""
    yield from _services(context)
    yield from _names(context)


def _services(context: Context) -> Iterator[Finding]:
    decided = context.deployment
    place = decided.place
    if context.enabled("ssh_service") and place.user != "root":
        yield context.warning(
            ("ssh_service", "enabled"),
            f"{place.unit} runs as user {place.user} and is sandboxed: sessions could be nobody else, without sudo",
            "disable it, or choose a role that serves SSH: node, agent or all-in-one",
        )
    for service, expected in (("auth_service", decided.role.runs_auth), ("proxy_service", decided.role.runs_proxy)):
        if context.enabled(service) != expected:
            state = "enabled" if context.enabled(service) else "disabled"
            yield context.warning(
                (service, "enabled"),
                f"it is {state}, but timers, secrets and health checks follow the role {decided.role.value}",
                "change TELEPORT_ROLE in the conf instead",
            )


def _names(context: Context) -> Iterator[Finding]:
    node = context.get("teleport", "nodename")
    if node is not None and str(node).strip() and _NODE_NAME.fullmatch(str(node)) is None:
        yield context.warning(
            ("teleport", "nodename"),
            f"{node!s} is no host name, and Teleport 17 and newer show the host's identifier in its place",
            "write letters, digits, dots and hyphens, beginning with a letter or digit",
        )
    cluster = context.get("auth_service", "cluster_name")
    if cluster is None or not context.enabled("auth_service"):
        return
    if _CLUSTER_NAME.fullmatch(str(cluster)) is None:
        yield context.error(
            ("auth_service", "cluster_name"),
            f"{cluster!s} cannot be part of the names of SSM parameters and certificates",
            "write letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
        )
    elif decided_otherwise(context, str(cluster)):
        yield context.warning(
            ("auth_service", "cluster_name"),
            f"tokens, pins and license still go by the name {context.deployment.cluster} of the conf",
            "set TELEPORT_CLUSTER_NAME in the conf instead",
        )


def decided_otherwise(context: Context, cluster: str) -> bool:
    """Whether the conf names another cluster than the document does, and something goes by that name."""
    named = context.deployment.cluster
    alone = context.deployment.role is roles.Role.ALL and named is None
    return named != cluster and not alone
