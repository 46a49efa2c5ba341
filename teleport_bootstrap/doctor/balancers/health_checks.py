"""Whether the health checks of target groups ask Teleport for what it answers.

The web port answers `/webapi/ping` with 200, and with 400 or 404 while users have no connector to log in with. It
answers a request in plain HTTP to its HTTPS port with 400, as every server in Go does.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.change import web_answer
from teleport_bootstrap.doctor.balancers import targets
from teleport_bootstrap.doctor.balancers.targets import Target
from teleport_bootstrap.doctor.check import BALANCERS, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import web_port
from teleport_bootstrap.plan import provenance, services

_OVER_HTTP = ("HTTP", "HTTPS")
# Those that the proxy answers with 200 to everyone.
_ANSWERED = (web_port.PING, "/webapi/find", "/web", "/web/login")
_CONNECTORS = ("github", "saml", "oidc")
_TRAFFIC = "traffic-port"


def wrong(subject: Subject, target: Target) -> Iterator[Finding]:
    """Yield what is wrong with the health check of the group of `target`."""
    check, group = target.group.health_check, target.group
    serving = {each.port for each in services.listeners(subject.document) if each.path[0] != "teleport"}
    port = target.port if check.port == _TRAFFIC else int(check.port or 0)
    if check.port != _TRAFFIC and port not in serving:
        message = f"{group.name} checks port {port}, on which Teleport does not listen"
        yield Finding(ERROR, "check-port", group.name, message, _modify(subject, target, f"port {_TRAFFIC}"))
        return
    if check.protocol not in _OVER_HTTP:
        return
    web = services.web_address(subject.document)
    if web is None or port != web.port:
        message = f"{group.name} checks port {port} over {check.protocol}, which Teleport does not speak there"
        yield Finding(ERROR, "check-protocol", group.name, message, _modify(subject, target, "protocol TCP"))
        return
    spoken = "HTTP" if subject.activated.deployment.plain_http else "HTTPS"
    if check.protocol != spoken:
        message = f"{group.name} checks port {port} over {check.protocol}, but Teleport speaks {spoken} there"
        yield Finding(ERROR, "check-protocol", group.name, message, _modify(subject, target, f"protocol {spoken}"))
    elif check.path not in _ANSWERED:
        redirected = check.path == "/" and accepts(check.matcher, 302)
        if not redirected:
            message = f"{group.name} checks {check.path}, which Teleport does not answer with {check.matcher}"
            yield Finding(ERROR, "check-path", group.name, message, _modify(subject, target, f"path {web_port.PING}"))
    elif not accepts(check.matcher, 200):
        message = f"{group.name} takes {check.matcher} for healthy, but Teleport answers {check.path} with 200"
        yield Finding(ERROR, "check-matcher", group.name, message, _matcher(subject, target))


def accepts(matcher: str, status: int) -> bool:
    """Whether a matcher such as `200,301-302` takes `status` for healthy."""
    for part in matcher.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdecimal() and (last or first).isdecimal() and int(first) <= status <= int(last or first):
            return True
    return False


def _modify(subject: Subject, target: Target, option: str) -> str:
    words = f"modify-target-group --target-group-arn {target.group.arn} --health-check-{option}"
    return f"run `{targets.command(subject, words)}`"


def _matcher(subject: Subject, target: Target) -> str:
    words = f"modify-target-group --target-group-arn {target.group.arn} --matcher HttpCode=200-499"
    return f"run `{targets.command(subject, words)}`"


def _without_connector(subject: Subject, target: Target) -> Iterator[Finding]:
    """Yield a warning where this host goes out of service because no connector exists, or would."""
    check, group = target.group.health_check, target.group
    if check.protocol not in _OVER_HTTP or check.path != web_port.PING or accepts(check.matcher, 400):
        return
    document = subject.document
    answer = subject.once(
        "own-web-port", lambda: web_answer.ask(document, plain_http=subject.activated.deployment.plain_http)
    )
    kind = provenance.value_at(document, ("auth_service", "authentication", "type"))
    if answer.status in (400, 404):
        message = (
            f"Teleport answers {web_port.PING} with {answer.status}, since the connector for users does not exist yet, "
            f"and {group.name} takes only {check.matcher} for healthy: it takes this host out of service"
        )
    elif answer.status is None and kind in _CONNECTORS:
        message = (
            f"Teleport answers {web_port.PING} with 400 as long as the {kind} connector does not exist, and "
            f"{group.name} takes only {check.matcher} for healthy"
        )
    else:
        return
    yield Finding(WARNING, "check-without-connector", group.name, message, _matcher(subject, target))


def _run(subject: Subject) -> Iterator[Finding]:
    own = targets.of_host(subject)
    found = [
        each for target in own for each in list(wrong(subject, target)) or list(_without_connector(subject, target))
    ]
    yield from found
    if not found:
        over_http = [each.group.health_check for each in own if each.group.health_check.protocol in _OVER_HTTP]
        how = ", ".join(f"{each.protocol} {each.path} for {each.matcher}" for each in over_http) or "TCP"
        yield Finding(NOTE, "target-check", own[0].name, f"target groups check by {how}, which Teleport answers")


CHECK = Check("target-health-check", BALANCERS, "the health checks of target groups: what they ask and take", _run)
