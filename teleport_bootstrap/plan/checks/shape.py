"""The document as a whole: its version and sections, values that say nothing, sections that Teleport does not know."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import port_table
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import provenance, services
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

_LEVELS = ("info", "err", "error", "debug", "warn", "warning", "trace")


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
    yield from _enabled(context)
    yield from _empty(context)
    severity = ("teleport", "log", "severity")
    level = context.get(*severity)
    if str(level).lower() not in _LEVELS:
        yield from context.one_of(severity, level, (), "write DEBUG, INFO, WARN or ERROR")
    yield from _without_effect(context)


def _enabled(context: Context) -> Iterator[Finding]:
    for name in context.document:
        word = context.get(name, "enabled")
        if name.endswith("_service") and word not in (None, "") and services.truth(word) is None:
            message = f"{word!s} is not a boolean; Teleport would silently disable the service"
            yield context.error((name, "enabled"), message, 'write "yes" or "no"')


def _empty(context: Context) -> Iterator[Finding]:
    for path, value, _ in provenance.leaves(context.tree):
        if _MAY_BE_EMPTY.intersection(path) or path[:2] == ("teleport", "storage"):
            continue
        if any(each in (None, "") for each in (value if isinstance(value, list) else (value,))):
            yield context.error(path, "the value is empty", "write a value, or null in an override to delete it")


def _without_effect(context: Context) -> Iterator[Finding]:
    for key, flag in (("diag_addr", f"--diag-addr=127.0.0.1:{port_table.DIAGNOSTICS}"), ("pid_file", "--pid-file")):
        if context.has("teleport", key):
            message = f"this has no effect, because Teleport's unit starts it with {flag}"
            remedy = "remove it; if you need another value, change the unit with a drop-in"
            yield context.warning(("teleport", key), message, remedy)
