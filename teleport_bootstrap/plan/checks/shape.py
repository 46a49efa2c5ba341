"""Version and sections, words for yes and no, values that say nothing, and keys under a name Teleport does not know."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import port_table
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import enabled_services, provenance
from teleport_bootstrap.plan.checks.context import Context

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

_LEVELS = frozenset(("info", "err", "error", "debug", "warn", "warning", "trace"))


def sections(context: Context) -> Iterator[Finding]:
    """Find what is so wrong that the rest cannot be read."""
    for name, section in context.document.items():
        if (name == "teleport" or name.endswith("_service")) and not isinstance(section, dict):
            yield context.error((name,), "this is not a mapping of keys to values", "write the keys below it, indented")
    if not context.has("teleport"):
        yield context.error(("teleport",), "the section is missing", "give it back: it says who this instance is")


def check(context: Context) -> Iterator[Finding]:
    """Find what is wrong with the document as a whole."""
    version = context.get("version")
    if version != "v3":
        message = "it is missing" if version is None else f"it is {version!s}"
        yield context.error(("version",), f"{message}, and Teleport would read the file by other rules", "write v3")
    for wrong, right in _SECTIONS.items():
        if wrong in context.document:
            yield context.error((wrong,), "Teleport does not know this section and would not start", f"write {right}")
    yield from _enabled(context)
    yield from _empty(context)
    yield from _log(context)
    yield from _without_effect(context)


def _enabled(context: Context) -> Iterator[Finding]:
    for name, section in context.document.items():
        if not name.endswith("_service") or not isinstance(section, dict):
            continue
        word = section.get("enabled")
        if word not in (None, "") and enabled_services.truth(word) is None:
            message = f"{word!s} is no word for yes or no, and Teleport would disable the service without a word"
            yield context.error((name, "enabled"), message, 'write "yes" or "no"')


def _empty(context: Context) -> Iterator[Finding]:
    for path, value, _ in provenance.leaves(context.tree):
        if any(part in _MAY_BE_EMPTY for part in path) or path[:2] == ("teleport", "storage"):
            continue
        for each in value if isinstance(value, list) else (value,):
            if each is None or each == "":
                yield context.error(path, "the value is empty", "write a value, or null in an override to delete it")
                break


def _log(context: Context) -> Iterator[Finding]:
    severity = context.get("teleport", "log", "severity")
    if severity is not None and str(severity).lower() not in _LEVELS:
        message = f"{severity!s} is no severity"
        yield context.error(("teleport", "log", "severity"), message, "write DEBUG, INFO, WARN or ERROR")


def _without_effect(context: Context) -> Iterator[Finding]:
    for key, flag in (("diag_addr", f"--diag-addr=127.0.0.1:{port_table.DIAGNOSTICS}"), ("pid_file", "--pid-file")):
        if context.has("teleport", key):
            message = f"this has no effect, since Teleport's unit starts it with {flag}"
            yield context.warning(("teleport", key), message, "take it out; change the unit with a drop-in if you must")
