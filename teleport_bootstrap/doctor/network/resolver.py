"""Whether the name servers of this host answer."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from teleport_bootstrap.aws import endpoints
from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import names, resolution
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding


def _run(subject: Subject) -> Iterator[Finding]:
    try:
        wanted = [each for each in names.every(subject) if not names.is_address(each)]
    except Skipped:
        wanted = []
    if not wanted:
        found = urlsplit(endpoints.url("ssm", subject.region, fips=False, dual_stack=False)).hostname
        wanted = [found or ""]
    silent = [each for each in wanted if resolution.look_up(subject, each).is_unanswered]
    if not silent:
        yield Finding(NOTE, "resolver-answers", wanted[0], "the name servers of this host answer")
        return
    message = f"no name server of this host answers for {' and '.join(silent)}"
    remedy = (
        "see which servers are asked with `cat /etc/resolv.conf` or `resolvectl status`; in a VPC, let its own "
        "resolver answer: `aws ec2 modify-vpc-attribute --enable-dns-support --vpc-id VPC`"
    )
    yield Finding(ERROR, "resolver-silent", silent[0], message, remedy)


CHECK = Check("resolver", NETWORK, "the name servers of this host: whether they answer", _run)
