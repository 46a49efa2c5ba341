"""The certificate that the cluster's web port shows: its chain, its names, its days."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator

from teleport_bootstrap.conf.deployment import Tls
from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import application_names, web
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import renewal

CHOICE = "docs/guide.md#choose-a-certificate"
_DAY = 24 * 3600


def _chain(subject: Subject) -> Iterator[Finding]:
    place, peer = web.peer(subject)
    if not peer.distrust:
        message = f"the chain is complete; its authority {peer.authority} is trusted here"
        yield Finding(NOTE, "certificate-trusted", place.host, message)
        return
    source = web.store(subject).source
    trust = (
        "trust it on each host that connects (`update-ca-certificates` on Debian and Ubuntu, `update-ca-trust` on "
        f"Amazon Linux), or use a certificate of a public authority: {CHOICE}"
    )
    if peer.is_self_signed:
        severity = WARNING if place.is_served_here and _is_planned(subject) else ERROR
        message = f"{place.url} shows a self-signed certificate, which browsers and agents do not trust"
        yield Finding(severity, "certificate-self-signed", place.host, message, f"{trust}")
    elif len(peer.chain) > 1 and peer.is_linked:
        message = f"{place.url} shows a certificate of {peer.authority}, which is not among the authorities in {source}"
        yield Finding(ERROR, "certificate-authority", place.host, message, trust)
    else:
        which = "its own certificate only" if len(peer.chain) == 1 else "certificates that do not belong together"
        message = (
            f"{place.url} sends {which}: the certificate of the intermediate authority {peer.authority} is missing, or "
            "this host would have to trust it"
        )
        remedy = (
            "let cert_file in https_keypairs hold the whole chain, the server's certificate first, as fullchain.pem of "
            "certbot does, then run `systemctl reload teleport`; with ACM, import the certificate again together with "
            f"its chain (`aws acm import-certificate --certificate-chain file://chain.pem …`); {CHOICE}"
        )
        yield Finding(ERROR, "certificate-chain", place.host, message, remedy)


def _is_planned(subject: Subject) -> bool:
    """Whether the conf has no other certificate for this host's own proxy than Teleport's."""
    return subject.activated.deployment.tls is Tls.SELF_SIGNED


def _name(subject: Subject) -> Iterator[Finding]:
    place, peer = web.certificate(subject)
    wanted = [place.host]
    try:
        own = application_names.of_host(subject)
    except Skipped:
        own = ()
    # Other applications may have certificates of their own, behind a balancer that chooses by name.
    wanted += [each for each in own if each.endswith(f".{place.host}")]
    missing = [each for each in wanted if not peer.is_for(each)]
    shown = " and ".join((*peer.names, *peer.addresses)[:5]) or "no name"
    if not missing:
        yield Finding(NOTE, "certificate-name", place.host, f"the certificate is for {shown}")
        return
    message = f"{place.url} shows a certificate for {shown}, but not for {' and '.join(missing)}"
    remedy = (
        f"use one for {place.host} and *.{place.host}: with ACM `aws acm request-certificate "
        f"--domain-name {place.host} --subject-alternative-names '*.{place.host}' --validation-method DNS "
        f"--region {subject.region}`, then choose it for the listener; {CHOICE}"
    )
    yield Finding(ERROR, "certificate-name", place.host, message, remedy)


def _days(subject: Subject) -> Iterator[Finding]:
    place, peer = web.certificate(subject)
    now = time.time()
    begins, ends = (ssl.cert_time_to_seconds(peer.own[each]) for each in ("notBefore", "notAfter"))
    days = int((ends - now) // _DAY)
    until = time.strftime("%Y-%m-%d", time.gmtime(ends))
    if now >= ends:
        message = f"the certificate at {place.url} expired on {until}"
        yield Finding(ERROR, "certificate-expired", place.host, message, _renewal(subject))
    elif now < begins:
        since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(begins))
        message = f"the certificate at {place.url} is valid from {since} on, which has not come yet"
        yield Finding(ERROR, "certificate-early", place.host, message, "correct this host's clock: see `timedatectl`")
    elif renewal.is_late(now, begins, ends):
        message = f"the certificate at {place.url} is valid for {days} more days, until {until}, and is not renewed"
        yield Finding(WARNING, "certificate-expiring", place.host, message, _renewal(subject))
    else:
        yield Finding(NOTE, "certificate-days", place.host, f"the certificate is valid for {days} days, until {until}")


def _renewal(subject: Subject) -> str:
    decided = subject.activated.deployment
    if decided.letsencrypt:
        service = "teleport-renew-cert" if decided.role.runs_auth else "teleport-check-cert"
        return f"run `systemctl start {service}`, and see `journalctl -u {service}`"
    if decided.acm:
        return f"see why ACM does not renew it: `aws acm list-certificates --region {subject.region}`; {CHOICE}"
    return f"replace the certificate and its key, then run `systemctl reload {subject.activated.unit}`; {CHOICE}"


CHECKS = (
    Check(
        "web-certificate-chain",
        NETWORK,
        "the web port's certificate: whether its chain is complete, and trusted",
        _chain,
    ),
    Check("web-certificate-name", NETWORK, "the web port's certificate: whether it is for the cluster's name", _name),
    Check("web-certificate-days", NETWORK, "the web port's certificate: how long it is valid", _days),
)
