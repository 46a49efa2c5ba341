"""What proxy_service's settings ask of each other, of the load balancer, and of how TLS ends."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.conf import deployment
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import enabled_services
from teleport_bootstrap.plan.checks.context import Context

SERVICE = "proxy_service"


def check(context: Context) -> Iterator[Finding]:
    """Find what a proxy cannot do."""
    if not context.enabled(SERVICE):
        return
    yield from _kubernetes(context)
    yield from _keypairs(context)
    yield from _client_address(context)
    yield from _plain_http(context)


def _kubernetes(context: Context) -> Iterator[Finding]:
    if enabled_services.truth(context.get(SERVICE, "kubernetes", "enabled")) and (
        context.has(SERVICE, "kube_listen_addr") or context.has(SERVICE, "kube_public_addr")
    ):
        yield context.error(
            (SERVICE, "kubernetes"),
            "this old form and kube_listen_addr exclude each other",
            "delete kubernetes, and keep kube_listen_addr and kube_public_addr",
        )


def _keypairs(context: Context) -> Iterator[Finding]:
    pairs = context.get(SERVICE, "https_keypairs")
    if pairs is not None and not isinstance(pairs, list):
        yield context.error((SERVICE, "https_keypairs"), "this is not a list", "write - key_file: … and cert_file: …")
        return
    for index, pair in enumerate(pairs or ()):
        place = (SERVICE, "https_keypairs", index)
        if not isinstance(pair, dict):
            yield context.error(place, "this is not a pair of files", "write key_file: … and cert_file: …")
            continue
        for key in ("key_file", "cert_file"):
            if pair.get(key) is None:
                yield context.error((*place, key), "it is missing, and a key pair is both files", f"write {key}: …")
            elif not str(pair[key]).startswith("/"):
                yield context.error((*place, key), f"{pair[key]!s} is no absolute path", "write it from / on")
    names = {str(pair.get("cert_file")) for pair in pairs or () if isinstance(pair, dict)}
    if context.deployment.tls is deployment.Tls.LETSENCRYPT and paths.CERTIFICATE not in names:
        yield context.warning(
            (SERVICE, "https_keypairs"),
            f"Teleport's unit still waits for {paths.CERTIFICATE}, because Let's Encrypt is in use",
            "set USE_LETSENCRYPT=false in the conf when certificates come from elsewhere",
        )


def _client_address(context: Context) -> Iterator[Finding]:
    for service in (SERVICE, "auth_service"):
        word = context.get(service, "proxy_protocol")
        if context.build.major >= 14 and word is not None and word not in ("on", "off", "unspecified"):
            yield context.error((service, "proxy_protocol"), f"Teleport does not take {word!s}", 'write "on" or "off"')
    word = context.get(SERVICE, "proxy_protocol")
    if context.deployment.acm and word == "on":
        yield context.warning(
            (SERVICE, "proxy_protocol"),
            "an application load balancer sends no PROXY header, and Teleport would refuse its connections",
            'write "off", unless what stands in front of every port sends it',
        )
    place = (SERVICE, "trust_x_forwarded_for")
    trust = context.get(*place)
    if trust is None:
        return
    if enabled_services.truth(trust) is None:
        yield context.error(place, f"{trust!s} is no word for yes or no, and counts as no", "write true or false")
    if not context.build.takes_trust_x_forwarded_for:
        yield context.warning(
            place,
            f"only the last patch releases of Teleport {context.build.major} know this key; the others do not start",
            "use Teleport 14 or newer",
        )
    if enabled_services.truth(trust) and not context.deployment.acm:
        yield context.warning(
            place,
            "without a load balancer that writes this header, every client can claim any address",
            "keep it only where all web traffic comes through such a balancer",
        )


def _plain_http(context: Context) -> Iterator[Finding]:
    if not context.deployment.plain_http:
        return
    remedy = "set TELEPORT_ACM_TARGET_PROTOCOL=https and the target group to HTTPS"
    if context.has(SERVICE, "mongo_listen_addr"):
        message = "MongoDB needs TLS, and Teleport runs with --insecure-no-tls"
        yield context.error((SERVICE, "mongo_listen_addr"), message, f"{remedy}, or delete it")
    mode = ("auth_service", "proxy_listener_mode")
    if context.enabled("auth_service") and str(context.get(*mode)) == "multiplex":
        message = "clients would be told to use TLS routing, which --insecure-no-tls takes away"
        make = context.warning if context.has(SERVICE, "listen_addr") else context.error
        yield make(mode, message, f"{remedy}, or write separate")
