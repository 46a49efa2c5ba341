"""A teleport.yaml that an operator or an image put there: what in it cannot work, or was never filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import records, regex
from teleport_bootstrap.conf import deployment
from teleport_bootstrap.finding import ERROR, WARNING, Finding, Place, in_order_of_place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import overrides, planner, provenance, secret_mask, teleport_build, yaml_reading

# What guides and templates write for a value that the reader has to fill in, and our own mask.
_PLACEHOLDER = regex.compile(
    r"<[\w .:/-]+>|\$\{\w+\}|\$[A-Z][A-Z0-9_]+|\{\{(?!\s*(?:internal|external)\b).*\}\}|__[A-Z0-9_]+__|%[A-Z0-9_]+%"
    r"|.*(?:change[-_ ]?(?:me|this)|replace[-_ ]?(?:me|this|with)|place[-_ ]?holder|fix[-_ ]?me|\*{8}).*"
    r"|(?:my|your)[-_ ](?:\w+[-_ ])?(?:token|pin|secret|password|key|cluster|domain|host|server)(?:[-_ ]here)?"
    r"|to[-_ ]?do|tbd|x{3,}|sha256:(?:(.)\1*|\.+|x+|<.*>|\$.*|\{\{.*\}\}|abc\w*)",
    re.IGNORECASE,
)
_REMEDY = "write the value, or remove the line"


def judge(
    content: bytes, path: str, build: teleport_build.TeleportBuild, wanted: deployment.Deployment
) -> tuple[Finding, ...]:
    """Return what is wrong with the teleport.yaml `content` at `path` on a host that is `wanted` to be this.

    What Teleport cannot read is an error. Everything else is a warning: this program did not write the file, and
    Teleport decides.
    """
    secret_mask.learn(content)
    reading = yaml_reading.read_as_teleport(content)
    if reading.problems:
        return tuple(_unreadable(path, each) for each in reading.problems)
    if reading.root is None:
        return ()
    if not isinstance(reading.root.value, dict):
        remedy = "write sections and keys, or remove the file to have it made from the conf"
        place = Place(path, reading.root.line)
        return (Finding(ERROR, "teleport-yaml-unreadable", path, "not a mapping of keys to values", remedy, place),)
    if not {"teleport", "version"} & reading.root.value.keys():
        return (_fragment(path, reading.root),)
    found = [*_placeholders(path, reading.root), *_contradictions(path, reading.root, build, wanted)]
    return tuple(dict.fromkeys(in_order_of_place(found)))


def _unreadable(path: str, problem: yaml_reading.Unreadable) -> Finding:
    place = Place(path, problem.line, problem.column)
    remedy = "correct it, or remove the file to have it made from the conf"
    severity, reader = (WARNING, "teleport-bootstrap") if problem.own else (ERROR, "Teleport")
    message = f"{reader} cannot read this: {problem.message}"
    return Finding(severity, "teleport-yaml-unreadable", path, message, remedy, place)


def _fragment(path: str, root: yaml_reading.Located) -> Finding:
    names = ", ".join(sorted(map(str, root.value))[:5])
    message = (
        f"this is a fragment that holds only {names}, without version and the section teleport; it was probably "
        "written or appended before generate ran, which then kept the file"
    )
    remedy = "move it to a file NAME.yaml in /etc/teleport.d/teleport.yaml.d, and run generate"
    return Finding(WARNING, "teleport-yaml-fragment", path, message, remedy, Place(path, root.line))


def _placeholders(path: str, located: yaml_reading.Located, at: provenance.Path = ()) -> Iterator[Finding]:
    value: Any = located.value
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _placeholders(path, each, (*at, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _placeholders(path, each, (*at, index))
    elif isinstance(value, str) and _PLACEHOLDER.fullmatch(value.strip()):
        subject = provenance.dotted(at)
        message = f"{subject}: the value is a placeholder that was not filled in"
        yield Finding(WARNING, "teleport-yaml-placeholder", subject, message, _REMEDY, Place(path, located.line))


def _contradictions(
    path: str, root: yaml_reading.Located, build: teleport_build.TeleportBuild, wanted: deployment.Deployment
) -> Iterator[Finding]:
    version = root.value["version"].value if "version" in root.value else None
    # In earlier versions of the format, other keys name the servers.
    other_rules = () if version == "v3" else ("version", "teleport.auth_servers", "teleport.auth_server")
    for finding in planner.judge(overrides.sourced(path, root), build, wanted):
        if finding.subject not in other_rules:
            yield records.replace(finding, severity=WARNING)
