"""What the settings of proxy_service require of each other, of the load balancer, and of where TLS ends."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.conf import deployment, kinds
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import go_url, network_address, services, words
from teleport_bootstrap.plan.checks.context import Context, texts

SERVICE = "proxy_service"
_PROXY_PROTOCOL = 'write "on" or "off", or delete the key with null, which takes connections of both kinds'


def check(context: Context) -> Iterator[Finding]:
    """Find what a proxy cannot do."""
    yield from _proxy_protocol(context)
    if not context.enabled(SERVICE):
        return
    yield from _kubernetes(context)
    yield from _keypairs(context)
    yield from _acme(context)
    yield from _forwarded_header(context)
    yield from _other_certificates(context)
    if context.deployment.plain_http:
        yield from _plain_http(context)


def _kubernetes(context: Context) -> Iterator[Finding]:
    if services.truth(context.get(SERVICE, "kubernetes", "enabled")) and (
        context.has(SERVICE, "kube_listen_addr") or context.has(SERVICE, "kube_public_addr")
    ):
        remedy = "delete kubernetes; keep kube_listen_addr and kube_public_addr"
        yield context.error((SERVICE, "kubernetes"), "this old key and kube_listen_addr exclude each other", remedy)


def _keypairs(context: Context) -> Iterator[Finding]:
    path = (SERVICE, "https_keypairs")
    pairs = context.get(*path)
    if pairs is not None and not isinstance(pairs, list):
        yield context.error(path, "this is not a list", "write - key_file: … and cert_file: …")
        return
    for index, pair in enumerate(pairs or ()):
        if not isinstance(pair, dict):
            yield context.error((*path, index), "this is not a pair of files", "write key_file: … and cert_file: …")
            continue
        for key in ("key_file", "cert_file"):
            if pair.get(key) is None:
                yield context.missing((*path, index, key), f"write {key}: …", "a key pair needs both files")
            elif not str(pair[key]).startswith("/"):
                message = f"{pair[key]!s} is not an absolute path"
                yield context.error((*path, index, key), message, "use an absolute path")
    names = {str(pair.get("cert_file")) for _, pair in context.items(*path)}
    if context.deployment.tls is deployment.Tls.LETSENCRYPT and paths.CERTIFICATE not in names:
        message = f"Teleport's unit still waits for {paths.CERTIFICATE}, because Let's Encrypt is in use"
        yield context.warning(
            path, message, "set USE_LETSENCRYPT=false in the conf if certificates come from elsewhere"
        )


def _proxy_protocol(context: Context) -> Iterator[Finding]:
    for service in (SERVICE, "auth_service"):
        if context.enabled(service):
            yield from context.word((service, "proxy_protocol"), words.PROXY_PROTOCOLS, remedy=_PROXY_PROTOCOL)
    if context.deployment.acm and context.get(SERVICE, "proxy_protocol") == "on":
        message = "an application load balancer does not send a PROXY header, and Teleport would refuse its connections"
        remedy = 'write "off", unless the load balancers of all ports send it'
        yield context.warning((SERVICE, "proxy_protocol"), message, remedy)


def _acme(context: Context) -> Iterator[Finding]:
    place = (SERVICE, "acme")
    flag = context.get(*place, "enabled")
    if flag in (None, ""):
        return
    enabled = services.truth(flag)
    if enabled is None:
        yield context.error((*place, "enabled"), f"{flag!s} is not a boolean", 'write "yes" or "no"')
    # Teleport reads the URL also where acme is off.
    try:
        go_url.parse(str(context.get(*place, "uri") or ""))
    except go_url.Malformed as error:
        message = f"this is not a URL ({error}), and Teleport would not start"
        yield context.error((*place, "uri"), message, "write the directory of an ACME server, or delete the key")
    if not enabled:
        return
    hosts = [network_address.parse(each) for each in texts(context.get(SERVICE, "public_addr"))]
    if all(each is None or not each.host or kinds.is_address(each.host) for each in hosts):
        message = "with acme, Teleport does not start unless public_addr names a DNS name"
        remedy = "add a name to public_addr, such as teleport.example.com:443"
        yield context.error((*place, "enabled"), message, remedy, (SERVICE, "public_addr"))


def _forwarded_header(context: Context) -> Iterator[Finding]:
    path = (SERVICE, "trust_x_forwarded_for")
    trust = context.get(*path)
    if trust is None:
        return
    if services.truth(trust) is None:
        yield context.error(path, f"{trust!s} is not a boolean, and Teleport reads it as no", "write true or false")
    if not context.build.takes_trust_x_forwarded_for:
        message = f"only the last patch releases of Teleport {context.build.major} know this key; others do not start"
        yield context.warning(path, message, "use Teleport 14 or newer")
    if services.truth(trust) and not context.deployment.acm:
        message = "without a load balancer that writes this header, every client can claim any address"
        yield context.warning(path, message, "keep it only if all web traffic comes through such a load balancer")


def _other_certificates(context: Context) -> Iterator[Finding]:
    path = (SERVICE, "acme")
    if not services.truth(context.get(*path, "enabled")):
        return
    if context.deployment.acm:
        message = "the certificate authority cannot reach Teleport through a load balancer that ends TLS itself"
        yield context.warning(path, message, "delete acme with null, or set USE_ACM=false in the conf")
    elif context.has(SERVICE, "https_keypairs"):
        message = "certificates come from https_keypairs too, and Teleport serves those of them that fit"
        remedy = "keep one of the two; USE_LETSENCRYPT=false in the conf leaves it to Teleport's own ACME"
        yield context.warning(path, message, remedy)


def _plain_http(context: Context) -> Iterator[Finding]:
    remedy = "set TELEPORT_ACM_TARGET_PROTOCOL=https and the target group to HTTPS"
    if context.has(SERVICE, "mongo_listen_addr"):
        message = "MongoDB requires TLS, and Teleport runs with --insecure-no-tls"
        yield context.error((SERVICE, "mongo_listen_addr"), message, f"{remedy}, or delete the key")
    mode = ("auth_service", "proxy_listener_mode")
    if context.enabled("auth_service") and str(context.get(*mode)).lower() == "multiplex":
        message = "clients would use TLS routing, which --insecure-no-tls disables"
        report = context.warning if context.has(SERVICE, "listen_addr") else context.error
        yield report(mode, message, f"{remedy}, or write separate")
