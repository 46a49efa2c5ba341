"""Where the document differs from the role that the conf gives this instance: its unit, its account, its names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import roles
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan.checks.context import Context

_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,255}", re.ASCII)
# Characters that SSM allows in the names of the parameters that are named after the cluster.
_CLUSTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)


def check(context: Context) -> Iterator[Finding]:
    """Find settings that do not fit the units, timers and secrets of this instance."""
    yield from _services(context)
    yield from _node_name(context)
    if context.enabled("auth_service") and context.has("auth_service", "cluster_name"):
        yield from _cluster_name(context, str(context.get("auth_service", "cluster_name")))


def _services(context: Context) -> Iterator[Finding]:
    role, place = context.deployment.role, context.deployment.place
    if context.enabled("ssh_service") and place.user != "root":
        yield context.warning(
            ("ssh_service", "enabled"),
            f"{place.unit} runs as user {place.user} in a sandbox: so would all sessions, without sudo",
            "disable it, or choose a role that serves SSH: node, agent or all-in-one",
        )
    for service, expected in (("auth_service", role.runs_auth), ("proxy_service", role.runs_proxy)):
        if context.enabled(service) != expected:
            state = "disabled" if expected else "enabled"
            message = f"the service is {state}, but timers, secrets and health checks follow the role {role.value}"
            yield context.warning((service, "enabled"), message, "change TELEPORT_ROLE in the conf instead")


def _node_name(context: Context) -> Iterator[Finding]:
    node = str(context.get("teleport", "nodename") or "").strip()
    if node and _NODE_NAME.fullmatch(str(context.get("teleport", "nodename"))) is None:
        message = f"{node} is not a valid host name, and Teleport 17 and newer show the host's UUID instead"
        remedy = "use letters, digits, dots and hyphens; start with a letter or digit"
        yield context.warning(("teleport", "nodename"), message, remedy)


def _cluster_name(context: Context, cluster: str) -> Iterator[Finding]:
    path = ("auth_service", "cluster_name")
    in_conf = context.deployment.cluster
    unnamed = context.deployment.role is roles.Role.ALL and in_conf is None
    if _CLUSTER_NAME.fullmatch(cluster) is None:
        message = f"{cluster} cannot be part of the names of SSM parameters and certificates"
        remedy = "use letters, digits, dots, hyphens and underscores; start with a letter or digit"
        yield context.error(path, message, remedy)
    elif in_conf != cluster and not unnamed:
        message = f"tokens, pins and license still use the name {in_conf} of the conf"
        yield context.warning(path, message, "set TELEPORT_CLUSTER_NAME in the conf instead")
