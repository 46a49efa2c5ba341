"""What an operator should know of a valid conf: assignments without an effect, or with another one than they seem."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from teleport_bootstrap import roles
from teleport_bootstrap.conf import kinds, variables
from teleport_bootstrap.conf.few import Remark
from teleport_bootstrap.conf.grammar import Assignment
from teleport_bootstrap.conf.names import Names, about
from teleport_bootstrap.conf.setting import Setting
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.finding import WARNING, Finding, Place
from teleport_bootstrap.hints import Any


def remarks(assignments: Sequence[Assignment], names: Names, reported: Collection[str]) -> Iterator[Remark]:
    """Yield a warning for each assignment that needs one. Of the names that are `reported` as errors, none does."""
    for index, assignment in enumerate(assignments):
        name, value = assignment.name, assignment.value
        variable, last = names.known.get(name), names.last[name]
        likeness = names.unknown[name] if variable is None else None
        if name in reported:
            continue
        if index != last:
            if likeness is None or likeness.is_ours:
                line = assignments[last].line
                message = f"{name} on line {assignment.line} has no effect: line {line} assigns it again"
                yield about(assignment, message, "keep one of the two")
        elif likeness is not None:
            meant = likeness.unprefixed
            is_slip = likeness.mistyped is not None or (meant is not None and meant not in names.last)
            if likeness.is_ours or (is_slip and value and name not in names.referred):
                nearest = likeness.nearest or meant
                hint = f"did you mean {nearest}?" if nearest else "docs/conf-reference.md lists the variables"
                yield about(assignment, f"{name} is not a variable of this agent and has no effect", hint)
        elif variable is not None and value:
            message, hint = _about(variable, value)
            if message:
                yield about(assignment, message, hint)


def unnamed(settings: Mapping[str, Setting[Any]], path: str, meant: Collection[str | None]) -> Iterator[Finding]:
    """Yield a warning for an all-in-one without a name: lib/service/service.go of Teleport takes its host's name.

    Not where the name of a variable that says it was mistyped, which is reported: those are the ones `meant`.
    """
    role = settings.get(variables.TELEPORT_ROLE.name)
    is_all = roles.BY_CONF_VALUE[roles.DEFAULT if role is None else role.value] is roles.Role.ALL
    names = (variables.TELEPORT_CLUSTER_NAME.name, variables.TELEPORT_DOMAIN_NAME.name)
    if not is_all or not {*settings, *meant}.isdisjoint(names):
        return
    message = (
        "an all-in-one without TELEPORT_DOMAIN_NAME: Teleport names the cluster after this host, which cannot be "
        "changed later, and people reach it by its address, with a certificate that their browsers do not trust"
    )
    # Without a role there is no line that says so.
    place = Place(path) if role is None else Place(path, role.line, role.column)
    yield Finding(WARNING, "conf-no-name", variables.TELEPORT_DOMAIN_NAME.name, message, f"set {names[1]} now", place)


def _about(variable: Variable[Any], value: str) -> tuple[str, str]:
    """Return what is to be said of a value, and the remedy; empty for nothing."""
    name = variable.name
    if name == variables.TELEPORT_INFLUXDB_ADDRESS.name:
        return f"{name} is ignored: the images no longer include monitoring", "remove the line"
    if name == variables.TELEPORT_LICENSE_PATH.name and value.lower() in ("false", "no", "0"):
        return f"{name}={value} asks for a license too: any value does", "remove the line if there is no license"
    if variable.kind is kinds.LABELS and kinds.has_comma_between_labels(value):
        message = f"{name} has a comma between labels, which is read like |"
        return message, "write | between labels, or put a value in quotes to keep its comma"
    if variable.kind is kinds.APPLICATION_URI and "://" not in value:
        message = f"{name} has no scheme, so Teleport cannot reach the application: {kinds.quoted(value)}"
        return message, f"write http://{value} or https://{value}"
    if value in kinds.NOTHING:
        message = f"{name} is {value}, which `aws --output text` or `jq -r` prints where there is no value"
        return message, "check the command that was to find the value"
    return "", ""
