"""Whether this host may read the certificate in the bucket, and whether that can be used."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.cluster.certificate import pair
from teleport_bootstrap.cluster.certificate.bucket import Shared
from teleport_bootstrap.doctor import denial
from teleport_bootstrap.doctor.buckets import conf_bucket
from teleport_bootstrap.doctor.check import BUCKETS, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import clock, key_pair, renewal
from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class _Shared:
    """What is in the bucket: when the newest usable certificate is valid, and why others cannot be used."""

    newest: key_pair.Validity | None
    refused: tuple[str, ...]


def _bucket(subject: Subject) -> conf_bucket.UsedBucket:
    bucket = conf_bucket.existing(subject)
    if not bucket.domain:
        raise Skipped("Let's Encrypt is not used")
    return bucket


def _read(subject: Subject, bucket: conf_bucket.UsedBucket) -> _Shared:
    """Return what is there, read as the job does that installs it. Raises AwsDenied where that may not be read."""

    def read() -> _Shared:
        refused: list[str] = []
        usable: list[key_pair.Validity] = []
        for place, number, chain, key in Shared(subject.aws.s3(bucket.name), bucket.domain).pairs():
            if chain is None and key is None:
                continue
            if chain is None or key is None:
                refused.append(f"{place}: its {'chain' if chain is None else 'private key'} is missing")
                continue
            try:
                usable.append(pair.check(bucket.domain, chain.reveal(), key))
            except pair.Unusable as unusable:
                refused.append(f"{place}: {unusable.why}")
                continue
            if number:
                break  # lower numbers are older
        return _Shared(max(usable, key=lambda each: each.not_after, default=None), tuple(refused))

    return subject.once(("certificate", bucket.name, bucket.domain), read)


def _run_readable(subject: Subject) -> Iterator[Finding]:
    bucket = _bucket(subject)
    try:
        _read(subject, bucket)
    except errors.AwsDenied as denied:
        yield denial.finding(denied, "certificates")
        return
    yield Finding(NOTE, "certificate-readable", bucket.name, f"what {bucket.name} has for {bucket.domain} can be read")


def _run_usable(subject: Subject) -> Iterator[Finding]:
    bucket = _bucket(subject)
    try:
        found = _read(subject, bucket)
    except errors.AwsDenied:
        raise Skipped("the certificate cannot be read, and this follows from it") from None
    obtains = subject.activated.deployment.role.runs_auth
    on = "" if obtains else " on an auth server"
    place = conf_bucket.place(subject)
    if found.newest is None:
        why = f": {'; '.join(found.refused)}" if found.refused else ""
        message = f"the bucket {bucket.name} has no certificate for {bucket.domain} that can be used{why}"
        verb = "renew" if found.refused else "obtain"
        remedy = f"run `teleport-bootstrap certificate {verb}`{on}"
        yield Finding(ERROR, "certificate-missing", bucket.domain, message, remedy, place)
        return
    until = clock.iso(found.newest.not_after)
    if renewal.is_late(clock.SYSTEM.wall(), found.newest.not_before, found.newest.not_after):
        message = f"the certificate for {bucket.domain} in {bucket.name} expires at {until}, and has not been renewed"
        remedy = f"run `teleport-bootstrap certificate renew`{on}"
        yield Finding(WARNING, "certificate-expiring", bucket.domain, message, remedy, place)
        return
    yield Finding(NOTE, "certificate-usable", bucket.domain, f"valid until {until}")


CHECKS = (
    Check("certificate-readable", BUCKETS, "whether this host may read the certificate in the bucket", _run_readable),
    Check(
        "certificate-usable", BUCKETS, "whether the certificate in the bucket can be used, and how long", _run_usable
    ),
)
