"""Whether the cluster's web port is reached, and serves TLS."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor.balancers import in_front
from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import connections, web
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding


def _connection(subject: Subject) -> Iterator[Finding]:
    place, tried = web.attempt(subject)
    if not tried.trouble:
        yield Finding(NOTE, "web-connection", place.host, f"{place.url} accepts connections")
        return
    from_inside = tried.trouble == connections.SILENT and place.is_served_here
    if from_inside and in_front.turns_away_own_targets(subject, place.port):
        raise Skipped(
            f"{place.url} cannot be seen from here: its network balancer does not answer its own targets",
            f"look from another host: `curl -sS {place.url}/webapi/ping`",
        )
    yield Finding(ERROR, f"web-{tried.trouble}", place.host, tried.message, tried.remedy)


def _tls(subject: Subject) -> Iterator[Finding]:
    place, found = web.place(subject), web.handshake(subject)
    if not found.trouble:
        yield Finding(NOTE, "web-tls", place.host, f"{place.url} serves TLS")
        return
    if found.trouble == web.PLAIN_HTTP:
        message = f"port {place.port} of {place.host} answers in plain HTTP, where clients expect HTTPS"
        remedy = (
            "let the listener of the balancer speak HTTPS with the ACM certificate: `aws elbv2 modify-listener "
            f"--protocol HTTPS --certificates CertificateArn=CERTIFICATE --listener-arn LISTENER`; {connections.GUIDE}"
        )
    else:
        message = f"{place.url} does not come to a TLS connection: {found.reason}"
        remedy = (
            f"see what it says with `openssl s_client -connect {place.host}:{place.port} -servername {place.host}`; "
            "which certificate it needs: docs/guide.md#choose-a-certificate"
        )
    yield Finding(ERROR, f"web-{found.trouble}", place.host, message, remedy)


CHECKS = (
    Check(
        "web-connection", NETWORK, "the cluster's web port, through the balancer: whether it is reached", _connection
    ),
    Check("web-tls", NETWORK, "the cluster's web port: whether it serves TLS", _tls),
)
