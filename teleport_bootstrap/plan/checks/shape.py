"""The document as a whole: its version and sections, values that say nothing, and whether it fits the role."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import port_table, regex, roles
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import provenance, services, words
from teleport_bootstrap.plan.checks.context import NOT_A_MAPPING, Context

# Names that people write from memory, and the ones that Teleport has.
_SECTIONS = {
    "kube_service": "kubernetes_service",
    "database_service": "db_service",
    "databases_service": "db_service",
    "application_service": "app_service",
    "apps_service": "app_service",
    "node_service": "ssh_service",
}

# A value of these may be empty: it is a label, or text for people.
_MAY_BE_EMPTY = frozenset(("labels", "static_labels", "tags", "description"))

_NODE_NAME = regex.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,255}", re.ASCII)
# Characters that SSM allows in the names of the parameters that are named after the cluster.
_CLUSTER_NAME = regex.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)


def sections(context: Context) -> Iterator[Finding]:
    """Find faults that keep the rest of the document from being read."""
    for name, section in context.document.items():
        if (name == "teleport" or name.endswith("_service")) and not isinstance(section, dict):
            yield context.error((name,), *NOT_A_MAPPING)
    if not context.has("teleport"):
        yield context.missing(("teleport",), "restore the `teleport:` section: it identifies this instance")


def check(context: Context) -> Iterator[Finding]:
    """Find what is wrong with the document as a whole."""
    version = context.get("version")
    if version != "v3":
        message = "missing" if version is None else f"this is {version!s}, not v3"
        yield context.error(("version",), f"{message}; Teleport would read the file by other rules", "write v3")
    for wrong, right in _SECTIONS.items():
        if wrong in context.document:
            yield context.unknown((wrong,), right)
    for name in context.document:
        word = context.get(name, "enabled")
        if name.endswith("_service") and word not in (None, "") and services.truth(word) is None:
            why = "because Teleport would silently disable the service"
            yield context.own_rule((name, "enabled"), f"{word!s} is not a boolean", why, 'write "yes" or "no"')
    yield from _empty(context)
    for key, flag in (("diag_addr", f"--diag-addr=127.0.0.1:{port_table.DIAGNOSTICS}"), ("pid_file", "--pid-file")):
        if context.has("teleport", key):
            message = f"this has no effect, because Teleport's unit starts it with {flag}"
            remedy = "remove it; if you need another value, change the unit with a drop-in"
            yield context.warning(("teleport", key), message, remedy)


def _empty(context: Context) -> Iterator[Finding]:
    for path, value, _ in provenance.leaves(context.tree):
        if _MAY_BE_EMPTY.intersection(path) or path[:2] == ("teleport", "storage"):
            continue
        if any(each in (None, "") for each in (value if isinstance(value, list) else (value,))):
            message = (
                "the value is empty, which teleport-bootstrap does not accept, because Teleport reads most keys then "
                "as if they were not set"
            )
            yield context.error(path, message, "write a value, or null in an override to delete it")


def check_role(context: Context) -> Iterator[Finding]:
    """Find settings that do not fit the units, timers and secrets of this instance."""
    role, place = context.deployment.role, context.deployment.place
    if context.enabled("ssh_service") and place.user != "root":
        message = f"{place.unit} runs as user {place.user} in a sandbox: so would all sessions, without sudo"
        remedy = "disable it, or choose a role that serves SSH: node, agent or all-in-one"
        yield context.warning(("ssh_service", "enabled"), message, remedy)
    for service, expected in (("auth_service", role.runs_auth), ("proxy_service", role.runs_proxy)):
        if context.enabled(service) != expected:
            state = "disabled" if expected else "enabled"
            message = f"the service is {state}, but timers, secrets and health checks follow the role {role.value}"
            yield context.warning((service, "enabled"), message, "change TELEPORT_ROLE in the conf instead")
    node = str(context.get("teleport", "nodename") or "")
    if node.strip() and _NODE_NAME.fullmatch(node) is None:
        message = f"{node.strip()} is not a valid host name, and Teleport 17 and newer show the host's UUID instead"
        remedy = "use letters, digits, dots and hyphens; start with a letter or digit"
        yield context.warning(("teleport", "nodename"), message, remedy)
    if context.enabled("auth_service") and context.has("auth_service", "cluster_name"):
        yield from _cluster_name(context, str(context.get("auth_service", "cluster_name")))


def _cluster_name(context: Context, cluster: str) -> Iterator[Finding]:
    path = ("auth_service", "cluster_name")
    in_conf = context.deployment.cluster
    unnamed = context.deployment.role is roles.Role.ALL and in_conf is None
    if _CLUSTER_NAME.fullmatch(cluster) is None:
        remedy = "use letters, digits, dots, hyphens and underscores; start with a letter or digit"
        reason = "cannot be part of the names of SSM parameters and certificates"
        if words.STORED_NAME.fullmatch(cluster) is None:
            yield context.error(path, f"{cluster} {reason}, and Teleport would not start", remedy)
        else:
            yield context.own_rule(path, f"{cluster} is not a valid cluster name here", f"because it {reason}", remedy)
    elif in_conf != cluster and not unnamed:
        message = f"tokens, pins and license still use the name {in_conf} of the conf"
        yield context.warning(path, message, "set TELEPORT_CLUSTER_NAME in the conf instead")
