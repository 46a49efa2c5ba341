"""Labels: their keys, and the commands that give them values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Optional

from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import label_values, provenance
from teleport_bootstrap.plan.checks.context import Context

_PART = re.compile(r"([0-9]*\.?[0-9]+|[0-9]+\.)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}


def check(context: Context) -> Iterator[Finding]:
    """Find labels that Teleport refuses, some of them only when the service is already coming up."""
    for service in ("ssh_service", "kubernetes_service"):
        if context.enabled(service):
            yield from _of(context, (service,), "labels", "commands", wrong=("static_labels", "dynamic_labels"))
    if context.enabled("app_service"):
        for index, _ in context.items("app_service", "apps"):
            place = ("app_service", "apps", index)
            yield from _of(context, place, "labels", "commands", wrong=("static_labels", "dynamic_labels"))
    if context.enabled("db_service"):
        for index, _ in context.items("db_service", "databases"):
            place = ("db_service", "databases", index)
            yield from _of(context, place, "static_labels", "dynamic_labels", wrong=("labels", "commands"))


def seconds(period: Any) -> Optional[Decimal]:
    """Return a Go duration such as 1h0m0s in seconds, a bare number counting nanoseconds; None where it is neither.

    See time.ParseDuration, and how yaml.v2 decodes a number into a time.Duration.
    """
    if isinstance(period, int) and not isinstance(period, bool):
        return period * _SECONDS["ns"]
    text = str(period)
    if text == "0":
        return Decimal(0)
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        return None
    return sum((Decimal(part[1]) * _SECONDS[part[2]] for part in parts), Decimal(0))


def _of(
    context: Context, place: provenance.Path, static: str, commands: str, wrong: tuple[str, str]
) -> Iterator[Finding]:
    for theirs, ours in zip(wrong, (static, commands)):
        if context.get(*place, theirs) is not None:
            yield context.error((*place, theirs), "Teleport does not know this key here", f"write {ours}")
    found = context.get(*place, static)
    if found is not None and not isinstance(found, dict):
        yield context.error((*place, static), "this is not a mapping of keys to values", "write key: value below it")
        found = None
    for key, value in (found or {}).items():
        yield from _key(context, (*place, static, key), key)
        if isinstance(value, (dict, list)):
            yield context.error((*place, static, key), "a label has one value", "write one string")
    names = set()
    for index, command in context.items(*place, commands):
        spot = (*place, commands, index)
        yield from _command(context, spot, command)
        name = str(command.get("name"))
        if name in names:
            yield context.warning((*spot, "name"), f"{name} is given twice, and the last one counts", "keep one")
        names.add(name)


def _command(context: Context, place: provenance.Path, command: dict[str, Any]) -> Iterator[Finding]:
    name = command.get("name")
    if name is None:
        yield context.error((*place, "name"), "it is missing", "write the key of the label")
    else:
        yield from _key(context, (*place, "name"), str(name))
    words = command.get("command")
    if not isinstance(words, list) or not words:
        yield context.error(
            (*place, "command"), "this is not a list of program and arguments", 'write for example ["uname", "-r"]'
        )
    period = command.get("period")
    if period is None:
        yield context.warning((*place, "period"), "it is missing, and Teleport runs the command every second", "add 1h")
        return
    length = seconds(period)
    if length is None:
        yield context.error((*place, "period"), f"{period!s} is no duration", "write for example 1h or 30s")
    elif length < 1:
        message = f"{period!s} is less than a second, and Teleport takes one second instead"
        yield context.warning((*place, "period"), message, "write it with its unit, for example 1h or 30s")


def _key(context: Context, place: provenance.Path, key: str) -> Iterator[Finding]:
    if label_values.KEY.fullmatch(key) is None:
        message = f"{key!r} is no key for a label"
        yield context.error(place, message, "write letters, digits and / . _ : * - only")
