"""What Teleport serves: databases, applications, and the labels of these and of the instance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import provenance
from teleport_bootstrap.plan.checks import applications, databases
from teleport_bootstrap.plan.checks.context import NOT_A_MAPPING, Context

_PART = regex.compile(r"([0-9]{0,18})(?:\.([0-9]{0,40}))?(ns|us|µs|μs|ms|s|m|h)")
_SECOND = 1_000_000_000
_NANOSECONDS = {
    **{"ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000},
    **{"s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND},
}
_USUAL = ("labels", "commands")
_OF_DATABASES = ("static_labels", "dynamic_labels")


def check_agent(context: Context) -> Iterator[Finding]:
    """Find databases and applications that Teleport refuses."""
    for service, key, judge in (
        ("db_service", "databases", databases.check),
        ("app_service", "apps", applications.check),
    ):
        if not context.enabled(service):
            continue
        for index, resource in context.items(service, key):
            yield from judge(context, (service, key, index), resource)
        names = Counter(str(resource.get("name")) for _, resource in context.items(service, key))
        for name in (name for name, count in names.items() if count > 1):
            yield context.warning((service, key), f"the name {name} is used twice", "give each its own name")


def check_labels(context: Context) -> Iterator[Finding]:
    """Find labels that Teleport refuses, some of them only while the service starts."""
    for service in ("ssh_service", "kubernetes_service"):
        if context.enabled(service):
            yield from _labels(context, (service,), _USUAL, _OF_DATABASES)
    if context.enabled("windows_desktop_service"):
        for index, rule in context.items("windows_desktop_service", "host_labels"):
            path = ("windows_desktop_service", "host_labels", index, "labels")
            if not rule.get("labels"):
                yield context.missing(path, "write the labels of the hosts that match", "a rule gives hosts labels")
            for key in context.mapping(*path):
                yield from _key(context, (*path, key), key)
    for service, key, names, wrong in (
        ("app_service", "apps", _USUAL, _OF_DATABASES),
        ("db_service", "databases", _OF_DATABASES, _USUAL),
    ):
        if context.enabled(service):
            for index, _ in context.items(service, key):
                yield from _labels(context, (service, key, index), names, wrong)


def nanoseconds(period: Any) -> int | None:
    """Return a Go duration such as 1h0m0s in nanoseconds, which a bare number counts; None where it is neither.

    See time.ParseDuration, which cuts off what is less, and how yaml.v2 decodes a number into a time.Duration.
    """
    if isinstance(period, int) and not isinstance(period, bool):
        return period
    text = str(period)
    if text == "0":
        return 0
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text or not all(part[1] or part[2] for part in parts):
        return None
    return sum(map(_part, parts))


def _part(found: re.Match[str]) -> int:
    unit, fraction = _NANOSECONDS[found[3]], found[2] or ""
    below: int = 10 ** len(fraction)
    return int(found[1] or "0") * unit + int(fraction or "0") * unit // below


def _labels(
    context: Context, place: provenance.Path, names: tuple[str, str], wrong: tuple[str, str]
) -> Iterator[Finding]:
    """Judge the labels at `place`; `names` are the keys of static labels and of commands, `wrong` those of others."""
    for other, right in zip(wrong, names):
        if context.has(*place, other):
            yield context.unknown((*place, other), right)
    static, commands = (*place, names[0]), (*place, names[1])
    if context.has(*static) and not isinstance(context.get(*static), dict):
        yield context.error(static, *NOT_A_MAPPING)
    for key, value in context.mapping(*static).items():
        yield from _key(context, (*static, key), key)
        if isinstance(value, (dict, list)):
            yield context.error((*static, key), "a label has one value", "write one string")
    seen = set()
    for index, command in context.items(*commands):
        yield from _command(context, (*commands, index), command)
        name = str(command.get("name"))
        if name in seen:
            message = f"the name {name} is used twice, and Teleport uses the last one"
            yield context.warning((*commands, index, "name"), message, "keep one")
        seen.add(name)


def _command(context: Context, place: provenance.Path, command: dict[str, Any]) -> Iterator[Finding]:
    name = command.get("name")
    if name is None:
        yield context.missing((*place, "name"), "write the key of the label")
    else:
        yield from _key(context, (*place, "name"), str(name))
    words = command.get("command")
    if not isinstance(words, list) or not words:
        message = "this is not a list of a program and its arguments"
        yield context.error((*place, "command"), message, 'write for example ["uname", "-r"]')
    period = command.get("period")
    path = (*place, "period")
    length = nanoseconds(period)
    if period is None:
        yield context.warning(path, "missing; Teleport runs the command every second", "write for example 1h")
    elif length is None:
        yield context.error(path, f"{period!s} is not a valid duration", "write for example 1h or 30s")
    elif length < _SECOND:
        message = f"{period!s} is less than a second, and Teleport uses one second instead"
        yield context.warning(path, message, "write it with its unit, for example 1h or 30s")


def _key(context: Context, place: provenance.Path, key: str) -> Iterator[Finding]:
    if kinds.LABEL_KEY.fullmatch(key) is None:
        yield context.error(place, f"{key!r} is not a valid label key", "use only letters, digits and / . _ : * -")
