"""Whether the balancer waits for Teleport's keep-alives before it closes an idle connection.

Terminals in the browser are WebSockets, which the proxy pings each keep_alive_interval (`startWSPingLoop` in
`lib/web/terminal`): 5 minutes by default, 1 minute as this agent writes it for auth servers. An ALB closes a connection
on which nothing came for its idle timeout, 60 s by default: with equal times the terminal is lost now and then.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.doctor.balancers import protocols, targets
from teleport_bootstrap.doctor.check import BALANCERS, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding
from teleport_bootstrap.plan import provenance, services

_TIMEOUT = "idle_timeout.timeout_seconds"
_DURATION = regex.compile(r"(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s)?")
_TELEPORT_SECONDS = 300
_OUR_SECONDS = 60
# Longer than Teleport's default, and what a network balancer waits.
_ENOUGH_SECONDS = 350


def _interval(subject: Subject) -> int:
    """Return the interval in seconds, as the auth server of this host has it, otherwise as this agent writes it."""
    if not services.runs(subject.document, "auth_service"):
        return _OUR_SECONDS
    value = provenance.value_at(subject.document, ("auth_service", "keep_alive_interval"))
    found = _DURATION.fullmatch(str(value)) if value else None
    if found is None:
        return _TELEPORT_SECONDS
    hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return 3600 * hours + 60 * minutes + seconds or _TELEPORT_SECONDS


def _run(subject: Subject) -> Iterator[Finding]:
    application = {
        balancer
        for target in targets.of_host(subject)
        if protocols.is_web(subject, target)
        for balancer, _ in targets.in_front(subject, target.group)
        if balancer.kind == "application"
    }
    if not application:
        raise Skipped("no application load balancer is in front of the web port")
    interval = _interval(subject)
    for balancer in application:
        arn = balancer.arn
        found = subject.aws.load_balancers.load_balancer_attributes(arn).get(_TIMEOUT, "")
        if not found.isdecimal():
            raise Skipped(f"{balancer.name} does not say its idle timeout")
        if int(found) <= interval:
            message = (
                f"{balancer.name} closes connections that are idle for {found} s, and Teleport keeps them alive each "
                f"{interval} s: terminals in the browser can be lost"
            )
            enough = max(_ENOUGH_SECONDS, interval + 50)
            words = (
                f"modify-load-balancer-attributes --load-balancer-arn {arn} --attributes Key={_TIMEOUT},Value={enough}"
            )
            remedy = f"run `{targets.command(subject, words)}`"
            yield Finding(WARNING, "idle-timeout", balancer.name, message, remedy)
        else:
            message = f"{balancer.name} waits {found} s, and Teleport keeps connections alive each {interval} s"
            yield Finding(NOTE, "idle-timeout", balancer.name, message)


CHECK = Check("balancer-idle-timeout", BALANCERS, "the idle timeout of the balancer, and Teleport's keep-alives", _run)
