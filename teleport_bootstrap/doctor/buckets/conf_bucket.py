"""The bucket that the conf names, what is in it, and how it is set up; read once for all checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from teleport_bootstrap import errors
from teleport_bootstrap.aws import s3_configuration as setup
from teleport_bootstrap.aws.s3 import Bucket
from teleport_bootstrap.cluster.certificate import lineage_files as files
from teleport_bootstrap.conf import variables
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.records import dataclass

_T = TypeVar("_T")

VARIABLE = variables.TELEPORT_S3_BUCKET
RECORDINGS = "records/"


@dataclass(frozen=True)
class UsedBucket:
    """The bucket: `name`, whether Teleport keeps `recordings` in it, the `domain` of the certificate in it, or ""."""

    name: str
    recordings: bool
    domain: str

    @property
    def holds(self) -> str:
        """What is in it, for people."""
        return " and ".join(
            [*(["the session recordings"] if self.recordings else []), *(["the certificate"] if self.domain else [])]
        )

    @property
    def prefixes(self) -> dict[str, str]:
        """What the keys of all that is in it begin with, and what that is."""
        found = {RECORDINGS: "session recordings"} if self.recordings else {}
        if self.domain:
            folders = (files.live(self.domain), files.archive(self.domain))
            found.update(dict.fromkeys((*folders, files.ACCOUNTS, files.renewal(self.domain)), "the certificate"))
        return found


def used(subject: Subject) -> UsedBucket:
    """Return the bucket. Raises Skipped where this host uses none."""
    conf, decided = subject.conf, subject.activated.deployment
    name = conf.value(VARIABLE)
    domain = conf.value(variables.TELEPORT_DOMAIN_NAME) if decided.letsencrypt else None
    if name is None:
        raise Skipped(f"{VARIABLE.name} is not set")
    found = UsedBucket(name, decided.role.runs_auth and decided.dynamodb, (domain or "").lower())
    if not found.holds:
        raise Skipped(f"the role {decided.role.value} keeps nothing in a bucket")
    return found


def place(subject: Subject) -> Place:
    """Return the line of the conf that names it."""
    return Place(subject.conf.path, subject.conf.line(VARIABLE))


def region(subject: Subject, bucket: UsedBucket) -> str | None:
    """Return the region of the bucket, None where there is none of this name. Raises what AWS raises."""
    return subject.once(("bucket", bucket.name), lambda: setup.region(subject.aws.s3(bucket.name)))


def existing(subject: Subject) -> UsedBucket:
    """Return the bucket. Raises Skipped where this host uses none, or it does not exist."""
    bucket = used(subject)
    try:
        if region(subject, bucket) is None:
            raise Skipped(f"the bucket {bucket.name} does not exist")
    except errors.AwsDenied:
        pass  # it exists; what else may be asked is another question
    return bucket


_READS: tuple[Callable[[Bucket], Any], ...] = (
    setup.versioning,
    setup.encryption,
    setup.public_access_block,
    setup.object_lock,
    setup.lifecycle,
)


def setting(subject: Subject, bucket: UsedBucket, read: Callable[[Bucket], _T]) -> _T:
    """Return what `read`, a function of aws.s3_configuration, returns; raises what it raised.

    All are asked with one client, since making one takes a while.
    """

    def ask() -> Mapping[Any, Any]:
        return {each: _answer(client, each) for client in [subject.aws.s3(bucket.name)] for each in _READS}

    answer = subject.once(("bucket settings", bucket.name), ask)[read]
    if isinstance(answer, errors.AwsDenied):
        raise answer
    found: _T = answer
    return found


def _answer(client: Bucket, read: Callable[[Bucket], Any]) -> Any:
    """Return the answer, or that it was denied: others may be allowed."""
    try:
        return read(client)
    except errors.AwsDenied as denied:
        return denied


def recordings_region(subject: Subject, bucket: UsedBucket) -> str:
    """Return the region in which Teleport looks for the bucket: that of the tables, or in the URI of an override."""
    try:
        storage = (subject.document.get("teleport") or {}).get("storage") or {}
        parts = urlsplit(str(storage.get("audit_sessions_uri", "")))
    except (Skipped, AttributeError, ValueError):
        return subject.region
    named = parse_qs(parts.query).get("region", [])
    return named[-1] if named and parts.netloc == bucket.name else subject.region
