"""Whether this host reaches the services of AWS that its role uses, and over which kind of address."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from collections.abc import Iterator
from concurrent import futures
from urllib.parse import urlsplit

from teleport_bootstrap import port_table
from teleport_bootstrap.aws import connection
from teleport_bootstrap.aws.connection import Connection
from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import connections, outbound_proxy, resolution
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.host import certificate_form, time_limit
from teleport_bootstrap.permissions import policy
from teleport_bootstrap.permissions.scope import Scope

# KMS is called by other services on behalf of the role; the others that policies name are not called from here.
_NOT_CALLED = ("kms", "iam")
_SECONDS = 4.0


def _services(subject: Subject) -> tuple[str, ...]:
    """Return the services that Teleport and this agent call here, by their names in policies."""
    asking = policy.Subject(subject.conf, subject.activated, subject.build)
    needs = policy.needs(asking, Scope(subject.region, None))
    found = {each.action.partition(":")[0] for each in needs} - set(_NOT_CALLED)
    if subject.activated.deployment.join_method == "iam":
        found.add("sts")
    return tuple(sorted(found))


def _run(subject: Subject) -> Iterator[Finding]:
    services = _services(subject)
    if not services:
        raise Skipped("nothing on this host calls AWS")
    planned = [_plan(subject, each) for each in services]
    hosts = [urlsplit(each.url).hostname or "" for each in planned]
    if all(resolution.look_up(subject, each).is_unanswered for each in hosts):
        raise Skipped("no name server answers: see the check `resolver`")
    left = time_limit.remaining()

    def judge(each: Connection) -> Finding:
        with time_limit.Limit(left):
            return _judge(subject, each)

    with futures.ThreadPoolExecutor(max_workers=len(planned)) as pool:
        yield from pool.map(judge, planned)


def _plan(subject: Subject, service: str) -> Connection:
    environ = subject.doors.environ
    try:
        aws = subject.aws
    except Skipped:  # without credentials, the way is still the same
        return connection.plan(service, region=subject.region, environ=environ)
    return connection.plan(service, region=subject.region, environ=environ, fips=aws.fips, dual_stack=aws.dual_stack)


def _judge(subject: Subject, planned: Connection) -> Finding:
    parts = urlsplit(planned.url)
    host, service = parts.hostname or "", planned.service
    port = parts.port or (port_table.HTTPS if parts.scheme == "https" else 80)
    if _goes_through_proxy(subject, parts.scheme, host):
        return Finding(NOTE, "endpoint-proxied", service, f"{service}: {host} is reached through the outbound proxy")
    found = resolution.look_up(subject, host)
    if not found.addresses:
        why = "the name servers do not answer" if found.is_unanswered else "it does not resolve"
        message = f"{service}: {host} cannot be reached: {why}"
        return Finding(ERROR, "endpoint-name", service, message, _remedy(subject, service))
    attempt = connections.attempt(subject, host, port)
    if attempt.trouble:
        message = f"{service}: {host} cannot be reached ({attempt.trouble}), at {found.addresses[0]}"
        return Finding(ERROR, f"endpoint-{attempt.trouble}", service, message, _remedy(subject, service))
    if parts.scheme == "https":
        trouble = _tls_trouble(planned, host, port)
        if trouble is not None:
            return Finding(ERROR, "endpoint-tls", service, f"{service}: {host}: {trouble[0]}", trouble[1])
    kind = "private addresses, as of a VPC endpoint" if _is_private(found.addresses) else "public addresses"
    return Finding(NOTE, "endpoint-reached", service, f"{service}: {host} is reached, at {kind}")


def _goes_through_proxy(subject: Subject, scheme: str, host: str) -> bool:
    """Whether the environment of this command sends it through a proxy; with AWS's libraries it is the same."""
    values = {name.lower(): value for name, value in subject.doors.environ.items() if value}
    if not (values.get(f"{scheme}_proxy") or values.get("all_proxy")):
        return False
    return not outbound_proxy.leaves_out(values.get("no_proxy", ""), host)


def _is_private(addresses: tuple[str, ...]) -> bool:
    return all(ipaddress.ip_address(each.partition("%")[0]).is_private for each in addresses)


def _tls_trouble(planned: Connection, host: str, port: int) -> tuple[str, str] | None:
    """Return what is wrong with TLS there, and what to do; None for nothing."""
    context = ssl.create_default_context()
    if isinstance(planned.verify, str):
        context = ssl.create_default_context(cafile=planned.verify)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(time_limit.Limit(_SECONDS))
            plain = stack.enter_context(time_limit.connect(host, port, seconds=_SECONDS))
            stack.enter_context(context.wrap_socket(plain, server_hostname=host))
            return None
    except ssl.SSLCertVerificationError as error:
        remedy = certificate_form.remedy(str(error)) or (
            "something between here and AWS answers in its place: name its authority in AWS_CA_BUNDLE, "
            "docs/guide.md#use-an-outbound-proxy"
        )
        return f"its certificate is not trusted ({error.verify_message})", remedy
    except OSError as error:
        return f"no TLS connection ({getattr(error, 'reason', None) or error.strerror or 'timed out'})", _SEE_GUIDE


_SEE_GUIDE = "docs/guide.md#use-an-outbound-proxy"


def _remedy(subject: Subject, service: str) -> str:
    return (
        "give the subnet a way to AWS, through a NAT gateway or an endpoint: `aws ec2 create-vpc-endpoint --vpc-id VPC "
        f"--vpc-endpoint-type Interface --service-name com.amazonaws.{subject.region}.{service} --region "
        f"{subject.region}`; or name a proxy: {_SEE_GUIDE}"
    )


CHECK = Check(
    "aws-endpoints", NETWORK, "the services of AWS that the role uses: whether this host reaches them, and where", _run
)
