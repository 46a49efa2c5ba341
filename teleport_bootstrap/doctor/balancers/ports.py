"""Whether the balancers send connections to the ports on which Teleport expects them."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor.balancers import targets
from teleport_bootstrap.doctor.balancers.targets import Target
from teleport_bootstrap.doctor.check import BALANCERS, Check
from teleport_bootstrap.doctor.network import announcements, connections
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.plan import services


def wrong(subject: Subject, target: Target) -> Iterator[Finding]:
    """Yield what is wrong with the port of `target`."""
    # The diagnostic listener is on loopback.
    serving = {each.port for each in services.listeners(subject.document) if each.path[0] != "teleport"}
    in_front = targets.in_front(subject, target.group)
    at = {listener.port for _, listener in in_front if listener.port is not None}
    expected = {each.listener.port for each in announcements.every(subject) if each.port in at}
    if target.port in serving and (not expected or target.port in expected):
        return
    if target.port not in serving:
        message = f"{target.word} gets connections on a port on which Teleport does not listen"
    else:
        message = (
            f"{target.word} gets what comes to port {_words(at)} of the balancer, which Teleport expects on port "
            f"{_words(expected)}"
        )
    yield Finding(ERROR, "target-port", target.group.name, message, _remedy(subject, target, expected))


def _remedy(subject: Subject, target: Target, expected: set[int]) -> str:
    arn = target.group.arn
    out = targets.command(subject, f"deregister-targets --target-group-arn {arn} --targets {target.argument}")
    if not expected:
        return f"take it out with `{out}`, or set the port in the conf: {connections.GUIDE}"
    instead = f"Id={target.name},Port={min(expected)}"
    into = targets.command(subject, f"register-targets --target-group-arn {arn} --targets {instead}")
    return f"run `{out} && {into}`"


def _words(ports: set[int], between: str = "or") -> str:
    return f" {between} ".join(str(each) for each in sorted(ports))


def _run(subject: Subject) -> Iterator[Finding]:
    own = targets.of_host(subject)
    found = [each for target in own for each in wrong(subject, target)]
    yield from found
    if not found:
        ports = _words({each.port for each in own}, "and")
        yield Finding(NOTE, "target-port", own[0].name, f"target groups lead to port {ports}, where Teleport listens")


CHECK = Check("target-port", BALANCERS, "the ports of this instance in its target groups, and Teleport's own", _run)
