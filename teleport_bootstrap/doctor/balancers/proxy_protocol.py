"""Whether target groups and Teleport agree about the header of the PROXY protocol.

Since 13.3 Teleport refuses connections without the header where `proxy_protocol` is `on`, and those with it where it is
`off`; unset, it takes both, but no IP pinning. Older ones take both with `on`, and refuse the header with `off`. ALBs
send none: they have X-Forwarded-For. See "Run Teleport with the PROXY Protocol" in Teleport's documentation.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.doctor.balancers import targets
from teleport_bootstrap.doctor.balancers.targets import Target
from teleport_bootstrap.doctor.check import BALANCERS, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.plan import provenance, services

_SWITCH = "proxy_protocol_v2.enabled"
_SERVICES = ("auth_service", "proxy_service")


def _word(subject: Subject, target: Target) -> str | None:
    """Return what Teleport is told about the port of `target`: `on`, `off` or "", None for a port without the choice.

    YAML reads the bare words as booleans.
    """
    at = next((each for each in services.listeners(subject.document) if each.port == target.port), None)
    if at is None or at.path[0] not in _SERVICES:
        return None
    value = provenance.value_at(subject.document, (at.path[0], "proxy_protocol"))
    if value is None:
        return ""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _run(subject: Subject) -> Iterator[Finding]:
    agreed = []
    judged = False
    for target in targets.of_host(subject):
        word = _word(subject, target)
        sent = targets.attributes(subject, target.group).get(_SWITCH)
        if word is None or sent is None:
            continue
        judged = True
        found = _wrong(subject, target, word, is_sent=sent == "true")
        if found is not None:
            yield found
        else:
            agreed.append(f"{target.port} {'with' if sent == 'true' else 'without'}")
    if not judged:
        raise Skipped("no target group of this instance can send the header of the PROXY protocol")
    if agreed:
        message = f"the header of the PROXY protocol goes together with Teleport's settings: {', '.join(agreed)}"
        yield Finding(NOTE, "proxy-protocol", "proxy_protocol", message)


def _wrong(subject: Subject, target: Target, word: str, *, is_sent: bool) -> Finding | None:
    group = target.group
    if is_sent and word == "off":
        message = f"{group.name} sends the header of the PROXY protocol, and Teleport refuses it: proxy_protocol is off"
        return Finding(ERROR, "proxy-protocol", group.name, message, _remedy(subject, target, "false"))
    if not is_sent and word == "on" and subject.build.takes_proxy_protocol:
        message = (
            f"{group.name} does not send the header of the PROXY protocol, and Teleport refuses connections without "
            "it: proxy_protocol is on"
        )
        return Finding(ERROR, "proxy-protocol", group.name, message, _remedy(subject, target, "true"))
    return None


def _remedy(subject: Subject, target: Target, value: str) -> str:
    words = (
        f"modify-target-group-attributes --target-group-arn {target.group.arn} --attributes Key={_SWITCH},Value={value}"
    )
    return (
        f"run `{targets.command(subject, words)}`; or set TELEPORT_PROXY_PROTOCOL in {paths.CONF}, then run "
        "`teleport-bootstrap reconfigure`"
    )


CHECK = Check("target-proxy-protocol", BALANCERS, "the PROXY protocol of target groups, and Teleport's setting", _run)
