"""What answers the public ping at the cluster's web port: the balancer, another program, or this cluster's Teleport.

What the statuses of an ALB mean: "Troubleshoot your Application Load Balancers" in its user guide.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths, regex, roles
from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import connections, web
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import web_port

_VERSION = regex.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})")
_GROUPS = "`teleport-bootstrap doctor --only balancers` on a host behind it says more"


def _balancer(subject: Subject) -> Iterator[Finding]:
    place, found = web.answer(subject)
    if found.is_endless:
        raise Skipped("it is redirected without end: see the check `web-redirects`")
    if not found.is_of_balancer:
        yield Finding(NOTE, "balancer-passes-on", place.host, "what is behind the balancer answers")
        return
    means, remedy = _of_balancer(subject, found.status)
    message = f"the load balancer at {place.url} answers {found.status} itself: {means}"
    yield Finding(ERROR, f"balancer-{found.status}", place.host, message, f"{remedy}; {_GROUPS}")


def _of_balancer(subject: Subject, status: int) -> tuple[str, str]:
    """Return what an ALB's own answer means here, and what to do."""
    if status == 502:
        decided = subject.activated.deployment
        now = "http" if decided.plain_http else "https"
        return (
            "the target closes the connection: Teleport does not run there, or the target group speaks HTTP where "
            "Teleport speaks HTTPS, or the other way round",
            f"on the proxies, run `teleport-bootstrap status`; where Teleport runs, compare the protocol of the "
            "target group with TELEPORT_ACM_TARGET_PROTOCOL in "
            f"{paths.CONF} (here: {now}), then run `teleport-bootstrap reconfigure`",
        )
    if status == 503:
        return (
            "no target is registered in the target group, or none can be used",
            f"register the proxies: `aws elbv2 register-targets --target-group-arn GROUP --targets Id=INSTANCE "
            f"--region {subject.region}`",
        )
    if status == 504:
        return (
            "the target does not answer: a security group drops the connection, or the port of the target group is "
            "another than Teleport's",
            "allow the port of the target group from the balancer: `aws ec2 authorize-security-group-ingress "
            f"--protocol tcp --port PORT --group-id GROUP --source-group GROUP-OF-THE-BALANCER --region "
            f"{subject.region}`",
        )
    return "it could not serve the request", f"see its log, and {connections.GUIDE}"


def _redirects(subject: Subject) -> Iterator[Finding]:
    place, found = web.answer(subject)
    if not found.is_endless:
        if found.is_of_balancer:
            raise Skipped("the balancer answers itself: see the check `web-balancer`")
        yield Finding(NOTE, "web-redirects", place.host, "it is not redirected, or to itself")
        return
    steps = " → ".join(dict.fromkeys(found.path))
    message = f"{place.url}{web_port.PING} is redirected: {steps}"
    remedy = (
        f"let port {place.port} of the balancer forward to the target group instead of redirecting: `aws elbv2 "
        "modify-listener --listener-arn LISTENER --default-actions Type=forward,TargetGroupArn=GROUP --region "
        f"{subject.region}`"
    )
    yield Finding(ERROR, "web-redirected", place.host, message, remedy)


def _answer(subject: Subject) -> Iterator[Finding]:
    place, found = web.answer_of_target(subject)
    ask = f"`curl -isS {place.url}{web_port.PING}`"
    if found.trouble:
        message = f"{place.url}{web_port.PING} gives no answer: {found.trouble}"
        yield Finding(ERROR, "web-silent", place.host, message, f"see Teleport's log on the proxies, and {ask}")
    elif not found.is_of_teleport:
        server = f" ({found.server})" if found.server else ""
        message = f"{place.url}{web_port.PING} is answered with {found.status} by something else than Teleport{server}"
        remedy = f"see what it is with {ask}, and let {place.host} lead to the balancer of the proxies"
        yield Finding(ERROR, "web-other-program", place.host, message, f"{remedy}: {connections.GUIDE}")
    elif found.status >= 500:
        message = f"Teleport answers {found.status} at {place.url}{web_port.PING}"
        yield Finding(ERROR, "web-failing", place.host, message, f"see Teleport's log on the proxies, and {ask}")
    else:
        also = "" if found.status < 300 else ", since users have no connector to log in with yet"
        yield Finding(NOTE, "web-answer", place.host, f"Teleport answers {found.status} at {place.url}{also}")


def _cluster(subject: Subject) -> Iterator[Finding]:
    place, said = web.ping(subject)
    name, ours = said.get("cluster_name"), subject.activated.deployment.cluster
    if not ours:
        raise Skipped("the conf does not name the cluster")
    if not isinstance(name, str) or not name:
        raise Skipped(f"Teleport at {place.url} does not say which cluster it belongs to")
    if name == ours:
        yield Finding(NOTE, "web-cluster", name, f"{name} answers")
        return
    message = f"another cluster answers at {place.url}: {name} instead of {ours}"
    remedy = (
        f"let {place.host} lead to the proxies of {ours} (see `dig {place.host}` and {connections.GUIDE}), or correct "
        f"TELEPORT_CLUSTER_NAME in {paths.CONF}, which an existing cluster cannot change"
    )
    yield Finding(ERROR, "web-other-cluster", name, message, remedy)


def _version(subject: Subject) -> Iterator[Finding]:
    place, said = web.ping(subject)
    found = _VERSION.match(str(said.get("server_version", "")))
    build = subject.build
    if found is None or build.assumed:
        raise Skipped("the versions here and there are not known")
    theirs, ours = int(found[1]), build.major
    proxy, version = found[0].lstrip("v"), build.version
    role = subject.activated.deployment.role
    if theirs == ours:
        yield Finding(NOTE, "web-version", proxy, f"Teleport {proxy} answers, and {version} is installed here")
        return
    message = f"Teleport {proxy} answers at {place.url}, and {version} is installed here: {_rule(role, ours, theirs)}"
    if is_allowed(role, ours, theirs):
        yield Finding(NOTE, "web-version", proxy, message)
    else:
        remedy = "bring them together, one major at a time, auth servers first: docs/guide.md#back-up-and-upgrade"
        yield Finding(WARNING, "web-version", proxy, message, remedy)


def is_allowed(role: roles.Role, ours: int, theirs: int) -> bool:
    """Whether the majors go together: auth is never older than a proxy, and none is two majors behind."""
    if role is roles.Role.AUTH:
        return ours - 1 <= theirs <= ours
    if role in (roles.Role.NODE, roles.Role.AGENT):
        return theirs - 1 <= ours <= theirs
    return False


def _rule(role: roles.Role, ours: int, theirs: int) -> str:
    if is_allowed(role, ours, theirs):
        return "one major apart, as during an upgrade"
    if role in (roles.Role.NODE, roles.Role.AGENT):
        return "an agent may be one major behind its cluster, and never ahead"
    if role is roles.Role.AUTH:
        return "a proxy may be one major behind the auth servers, and never ahead"
    return "another proxy answers than this one, and all should have the same major"


CHECKS = (
    Check(
        "web-balancer", NETWORK, "whether the load balancer answers itself, with 502, 503 or 504, and why", _balancer
    ),
    Check("web-redirects", NETWORK, "redirects at the web port: whether they end", _redirects),
    Check("web-answer", NETWORK, "whether Teleport answers the public ping at the web port", _answer),
    Check("web-cluster", NETWORK, "whether it is this cluster that answers at the web port", _cluster),
    Check("web-version", NETWORK, "the version that answers at the web port, and the one installed here", _version),
)
