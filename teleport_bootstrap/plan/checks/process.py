"""What concerns the whole process: its log, the TLS cipher suites, and the cache."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import words
from teleport_bootstrap.plan.checks.context import NOT_A_MAPPING, Context, texts

_LOG = ("teleport", "log")
_STREAMS = frozenset(("", "stderr", "error", "2", "stdout", "out", "1", "syslog"))


def check(context: Context) -> Iterator[Finding]:
    """Find settings with which Teleport ends before it starts any service."""
    yield from _log(context)
    for suite in texts(context.get("teleport", "ciphersuites")):
        yield from context.word(("teleport", "ciphersuites"), words.CIPHER_SUITES, suite)
    for service in ("auth_service", "proxy_service"):
        path = (service, "assist")
        if context.has(*path) and context.build.major >= 16:
            message = "Teleport 16 and newer do not know this key, and would not start"
            yield context.error(path, message, "delete it with null")


def _log(context: Context) -> Iterator[Finding]:
    section = context.get(*_LOG)
    if section is not None and not isinstance(section, dict):
        yield context.error(_LOG, *NOT_A_MAPPING)
        return
    yield from context.word((*_LOG, "severity"), words.LOG_SEVERITIES, remedy="write DEBUG, INFO, WARN or ERROR")
    yield from context.word((*_LOG, "format", "output"), words.LOG_FORMATS)
    fields = (*_LOG, "format", "extra_fields")
    for field in texts(context.get(*fields)):
        # Blanks around a field do not matter to Teleport.
        yield from context.word(fields, words.LOG_FIELDS, field.strip())
    output = context.get(*_LOG, "output")
    if output is not None and str(output) not in _STREAMS:
        message = (
            f"the log goes to the file {output!s}, not to the journal, and Teleport does not start if it cannot create "
            "that file"
        )
        remedy = (
            f"write stderr, or a file in a directory that exists and that {context.deployment.place.user} may write"
        )
        if not str(output).startswith("/"):
            remedy = f"write an absolute path: this one is relative to the working directory of the unit; {remedy}"
        if not str(output).startswith(f"/{paths.DATA.strip('/')}/"):
            yield context.warning((*_LOG, "output"), message, remedy)
