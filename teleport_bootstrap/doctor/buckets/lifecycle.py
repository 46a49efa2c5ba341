"""Whether a rule of the bucket deletes recordings or the certificate, or moves them to where they cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.aws import s3_configuration as setup
from teleport_bootstrap.aws.s3_configuration import LifecycleRule
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.buckets import conf_bucket
from teleport_bootstrap.doctor.buckets.conf_bucket import UsedBucket
from teleport_bootstrap.doctor.check import BUCKETS, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding

# S3 user guide: objects of these classes have to be restored before they can be read.
_UNREADABLE = ("GLACIER", "DEEP_ARCHIVE")


def _run(subject: Subject) -> Iterator[Finding]:
    bucket = conf_bucket.existing(subject)
    rules = conf_bucket.setting(subject, bucket, setup.lifecycle)
    for rule in rules:
        what = _what(rule, bucket) if rule.enabled else ""
        if what and rule.expires:
            when = "" if rule.expires_days is None else f" after {rule.expires_days} days"
            yield _finding(subject, bucket, rule, f"deletes {what}{when}")
        elif what:
            moved = next((each for each in rule.transitions if each.storage_class in _UNREADABLE), None)
            if moved is not None:
                after = "" if moved.days is None else f" after {moved.days} days"
                verb = f"moves {what} to {moved.storage_class}{after}, where they cannot be read at once"
                yield _finding(subject, bucket, rule, verb)
    yield Finding(NOTE, "bucket-lifecycle", bucket.name, f"{len(rules)} rules, none of which deletes {bucket.holds}")


def _what(rule: LifecycleRule, bucket: UsedBucket) -> str:
    """Return what of the bucket the rule is about, "" for nothing that matters here."""
    found = dict.fromkeys(
        what
        for prefix, what in bucket.prefixes.items()
        if prefix.startswith(rule.prefix) or rule.prefix.startswith(prefix)
    )
    return f"{'some of ' if rule.has_filter and found else ''}{' and '.join(found)}"


def _finding(subject: Subject, bucket: UsedBucket, rule: LifecycleRule, does: str) -> Finding:
    region = conf_bucket.region(subject, bucket) or subject.region
    name = f"the rule {rule.rule_id}" if rule.rule_id else "a rule without an id"
    got = commands.aws(region, "s3api", "get-bucket-lifecycle-configuration", "--bucket", bucket.name)
    put = ("put-bucket-lifecycle-configuration", "--bucket", bucket.name, "--lifecycle-configuration")
    set_again = commands.aws(region, "s3api", *put, "file://rules.json")
    remedy = (
        f"where that is not meant: run {commands.quoted(f'{got} >rules.json')}, remove {name} from the file or give it "
        f"another prefix, then run {commands.quoted(set_again)}"
    )
    message = f"{name} of the bucket {bucket.name} {does}"
    return Finding(WARNING, "bucket-rule-deletes", bucket.name, message, remedy, conf_bucket.place(subject))


CHECK = Check("bucket-lifecycle", BUCKETS, "the rules of the bucket: whether one deletes what has to stay", _run)
