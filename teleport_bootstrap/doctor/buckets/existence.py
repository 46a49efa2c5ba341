"""Whether the bucket exists, and is where it can be reached from here."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors, paths
from teleport_bootstrap.doctor import commands, denial
from teleport_bootstrap.doctor.buckets import bucket_commands, conf_bucket
from teleport_bootstrap.doctor.check import BUCKETS, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding


def _run_existence(subject: Subject) -> Iterator[Finding]:
    bucket = conf_bucket.used(subject)
    try:
        found = conf_bucket.region(subject, bucket)
    except errors.AwsDenied as denied:
        if not bucket.recordings:
            raise  # the certificate needs its own keys only
        yield denial.finding(denied, "teleport")
        return
    if found is None:
        created = commands.quoted(*bucket_commands.creation(subject.region, bucket.name))
        message = f"there is no bucket {bucket.name}, which holds {bucket.holds}"
        remedy = f"correct {conf_bucket.VARIABLE.name}, or create the bucket: {created}"
        yield Finding(ERROR, "bucket-missing", bucket.name, message, remedy, conf_bucket.place(subject))
        return
    yield Finding(NOTE, "bucket-exists", bucket.name, f"{bucket.name} holds {bucket.holds}")


def _run_region(subject: Subject) -> Iterator[Finding]:
    bucket = conf_bucket.existing(subject)
    found = conf_bucket.region(subject, bucket)
    wanted = conf_bucket.recordings_region(subject, bucket) if bucket.recordings else subject.region
    if found is None or found == wanted:
        yield Finding(NOTE, "bucket-region", bucket.name, f"{bucket.name} is in {wanted}")
        return
    message = f"the bucket {bucket.name} is in {found}, and not in {wanted}"
    place = conf_bucket.place(subject)
    if bucket.recordings:
        override = (
            f'write `{{teleport: {{storage: {{audit_sessions_uri: "s3://{bucket.name}/records?region={found}"}}}}}}` '
            f"into {paths.OVERRIDES}/50-bucket.yaml on all auth servers and run `teleport-bootstrap reconfigure`, or "
            f"name a bucket in {wanted}"
        )
        yield Finding(
            ERROR,
            "bucket-elsewhere",
            bucket.name,
            f"{message}: Teleport cannot write recordings to it",
            override,
            place,
        )
        return
    remedy = (
        f"name a bucket in {wanted}, or keep the way to S3 in {found} open: a gateway endpoint of the VPC reaches "
        "its own region only"
    )
    yield Finding(WARNING, "bucket-elsewhere", bucket.name, message, remedy, place)


CHECKS = (
    Check("bucket", BUCKETS, "the bucket of the conf: whether it exists", _run_existence),
    Check("bucket-region", BUCKETS, "the region of the bucket, and the one in which it is looked for", _run_region),
)
