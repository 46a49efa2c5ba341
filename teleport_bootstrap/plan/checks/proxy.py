"""What proxy_service's settings ask of each other, of the load balancer, and of how TLS ends."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.plan import deployment, enabled_services
from teleport_bootstrap.plan.checks.finding import Finding
from teleport_bootstrap.plan.checks.subject import Subject
from teleport_bootstrap.plan.services import proxy_service

SERVICE = "proxy_service"


def check(subject: Subject) -> Iterator[Finding]:
    """Find what a proxy cannot do."""
    if not subject.enabled(SERVICE):
        return
    yield from _kubernetes(subject)
    yield from _keypairs(subject)
    yield from _client_address(subject)
    yield from _plain_http(subject)


def _kubernetes(subject: Subject) -> Iterator[Finding]:
    if enabled_services.truth(subject.get(SERVICE, "kubernetes", "enabled")) and (
        subject.has(SERVICE, "kube_listen_addr") or subject.has(SERVICE, "kube_public_addr")
    ):
        yield subject.error(
            (SERVICE, "kubernetes"),
            "this old form and kube_listen_addr exclude each other",
            "delete kubernetes, and keep kube_listen_addr and kube_public_addr",
        )


def _keypairs(subject: Subject) -> Iterator[Finding]:
    pairs = subject.get(SERVICE, "https_keypairs")
    if pairs is not None and not isinstance(pairs, list):
        yield subject.error((SERVICE, "https_keypairs"), "this is not a list", "write - key_file: … and cert_file: …")
        return
    for index, pair in enumerate(pairs or ()):
        place = (SERVICE, "https_keypairs", index)
        if not isinstance(pair, dict):
            yield subject.error(place, "this is not a pair of files", "write key_file: … and cert_file: …")
            continue
        for key in ("key_file", "cert_file"):
            if pair.get(key) is None:
                yield subject.error((*place, key), "it is missing, and a key pair is both files", f"write {key}: …")
            elif not str(pair[key]).startswith("/"):
                yield subject.error((*place, key), f"{pair[key]!s} is no absolute path", "write it from / on")
    names = {str(pair.get("cert_file")) for pair in pairs or () if isinstance(pair, dict)}
    if subject.deployment.tls is deployment.Tls.LETSENCRYPT and proxy_service.CERTIFICATE not in names:
        yield subject.warning(
            (SERVICE, "https_keypairs"),
            f"Teleport's unit still waits for {proxy_service.CERTIFICATE}, because Let's Encrypt is in use",
            "set USE_LETSENCRYPT=false in the conf when certificates come from elsewhere",
        )


def _client_address(subject: Subject) -> Iterator[Finding]:
    for service in (SERVICE, "auth_service"):
        word = subject.get(service, "proxy_protocol")
        if subject.build.major >= 14 and word is not None and word not in ("on", "off", "unspecified"):
            yield subject.error((service, "proxy_protocol"), f"Teleport does not take {word!s}", 'write "on" or "off"')
    word = subject.get(SERVICE, "proxy_protocol")
    if subject.deployment.acm and word == "on":
        yield subject.warning(
            (SERVICE, "proxy_protocol"),
            "an application load balancer sends no PROXY header, and Teleport would refuse its connections",
            'write "off", unless what stands in front of every port sends it',
        )
    place = (SERVICE, "trust_x_forwarded_for")
    trust = subject.get(*place)
    if trust is None:
        return
    if enabled_services.truth(trust) is None:
        yield subject.error(place, f"{trust!s} is no word for yes or no, and counts as no", "write true or false")
    if not subject.build.takes_trust_x_forwarded_for:
        yield subject.warning(
            place,
            f"only the last patch releases of Teleport {subject.build.major} know this key; the others do not start",
            "use Teleport 14 or newer",
        )
    if enabled_services.truth(trust) and not subject.deployment.acm:
        yield subject.warning(
            place,
            "without a load balancer that writes this header, every client can claim any address",
            "keep it only where all web traffic comes through such a balancer",
        )


def _plain_http(subject: Subject) -> Iterator[Finding]:
    if not subject.deployment.plain_http:
        return
    remedy = "set TELEPORT_ACM_TARGET_PROTOCOL=https and the target group to HTTPS"
    if subject.has(SERVICE, "mongo_listen_addr"):
        message = "MongoDB needs TLS, and Teleport runs with --insecure-no-tls"
        yield subject.error((SERVICE, "mongo_listen_addr"), message, f"{remedy}, or delete it")
    mode = ("auth_service", "proxy_listener_mode")
    if subject.enabled("auth_service") and str(subject.get(*mode)) == "multiplex":
        message = "clients would be told to use TLS routing, which --insecure-no-tls takes away"
        make = subject.warning if subject.has(SERVICE, "listen_addr") else subject.error
        yield make(mode, message, f"{remedy}, or write separate")
