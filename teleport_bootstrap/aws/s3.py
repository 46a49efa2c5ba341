"""Objects in one S3 bucket: each call repeated while that helps, and its failure told so that it can be mended.

Nothing outside the keys and prefixes that are asked for is read, listed or deleted. What comes and goes is checked by
MD5 (Content-MD5 on the way there), which every botocore and every service that speaks S3 knows.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from botocore import exceptions

from teleport_bootstrap import errors
from teleport_bootstrap.aws import calls, failures, partition, session
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import retry

if TYPE_CHECKING:
    from teleport_bootstrap.aws.access import Access
    from teleport_bootstrap.aws.s3_download import Download

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# For one call with its repetitions; S3 asks those that it tells to slow down to wait for some seconds.
CALL_SECONDS = 120.0
# How long S3 may take for an answer; it assembles an upload of many parts while the caller waits.
READ_SECONDS = 30.0
# What `get` takes into memory; larger objects are for `open`.
LARGEST = 64 * 1024 * 1024

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3 User Guide, "Bucket naming rules"
_ACCOUNT = re.compile(r"[0-9]{12}")
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "301", "307", "AuthorizationHeaderMalformed"}
    | {"IllegalLocationConstraintException"}
)


@dataclass(frozen=True)
class Object:
    """What S3 says of an object: `size` in bytes, `etag` without its quotes, `modified` in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime.datetime


class TooLarge(errors.AwsFailed):
    """An object is larger than what asked for it takes into memory."""


class UploadGone(Exception):
    """S3 does not know the multipart upload (any more): it was completed or aborted."""


class Bucket:
    """One bucket. All methods raise AwsDenied, AwsThrottled, AwsUnreachable, AwsFailed, ClockWrong,
    CredentialsMissing, and BucketUnusable where there is no such bucket, or it is not what was asked for.

    `deadline_seconds` is for each call.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        expected_owner: Optional[str] = None,
        kms_key_id: Optional[str] = None,
        renew: Optional[Callable[[], None]] = None,
        in_region: Optional[Callable[[str], Any]] = None,
        deadline_seconds: float = CALL_SECONDS,
        clock: Optional[clocks.Clock] = None,
    ) -> None:
        """`expected_owner` is an account number: S3 refuses each call when the bucket belongs to another one.

        `kms_key_id` is the key (id, ARN or alias) to encrypt with; without one the bucket's own setting decides.
        `renew` gets new credentials where AWS calls those in use expired. `in_region` makes a client for another
        region, to be used where the bucket turns out to be there. Raises UsageError for a name that is none.
        """
        if not _NAME.fullmatch(name):
            raise errors.UsageError(
                f"{name!r} is not the name of an S3 bucket", hint="Write the destination as s3://BUCKET/PREFIX."
            )
        if expected_owner is not None and not _ACCOUNT.fullmatch(expected_owner):
            raise errors.UsageError(
                f"{expected_owner!r} is not an AWS account number", hint="Give the twelve digits of the bucket's owner."
            )
        self.client = client
        self.name = name
        self.kms_key_id = kms_key_id
        self.expected_owner = expected_owner
        self.deadline_seconds = deadline_seconds
        self.clock = clock
        self._renew = renew
        self._in_region = in_region

    @classmethod
    def of(
        cls, access: Access, name: str, *, expected_owner: Optional[str] = None, kms_key_id: Optional[str] = None
    ) -> Bucket:
        """Return the bucket `name`, called as `access` says; raises UsageError."""
        return cls(
            access.client("s3", read_seconds=READ_SECONDS),
            name,
            expected_owner=expected_owner,
            kms_key_id=kms_key_id,
            renew=access.renew,
            in_region=lambda region: access.in_region(region).client("s3", read_seconds=READ_SECONDS),
            deadline_seconds=max(access.wait_seconds, 1.0),
        )

    @property
    def region(self) -> str:
        """The region that is asked; the bucket may turn out to be elsewhere."""
        return str(self.client.meta.region_name)

    def arn(self, key: Optional[str] = None) -> str:
        """Return the ARN of `key`, or of the bucket itself."""
        return f"arn:{partition.of(self.region).name}:s3:::{self.name}" + ("" if key is None else f"/{key}")

    def url(self, key: str) -> str:
        """Return how messages name `key`."""
        return f"s3://{self.name}/{key}"

    def get(self, key: str, *, largest: int = LARGEST) -> bytes:
        """Return what `key` holds, `largest` bytes at most. Raises ObjectMissing, and TooLarge for more than that."""

        def read() -> bytes:
            answer = self.client.get_object(**self.named(key))
            with_etag(answer)
            try:
                if int(answer["ContentLength"]) > largest:
                    raise TooLarge(
                        f"{self.url(key)} is larger than {largest // 1024} KiB",
                        hint="Look what wrote it: something small was expected there.",
                    )
                return read_all(answer)
            finally:
                answer["Body"].close()

        return self.perform("s3:GetObject", key, read)

    def open(self, key: str, if_match: Optional[str] = None) -> Download:
        """Return a stream of what `key` holds, which goes on after a dropped connection with the same version of it.

        `if_match` is the ETag of the only version to read. Raises ObjectMissing, ObjectChanged; reading does so too.
        """
        from teleport_bootstrap.aws import s3_download  # noqa: PLC0415  # it builds on this module

        return s3_download.Download(self, key, if_match)

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Optional[Mapping[str, str]] = None,
    ) -> str:
        """Have `key` hold `data`, in one piece and at once, and return its ETag; what it held before is replaced."""
        digest = md5(data)

        def write() -> str:
            answer = self.client.put_object(
                **self.named(key),
                **self.encryption(),
                Body=data,
                ContentMD5=base64.b64encode(digest).decode(),
                ContentType=content_type,
                Metadata=dict(metadata or {}),
            )
            etag = with_etag(answer)
            self.check_encryption(answer, key)
            return etag

        return self.perform("s3:PutObject", key, write)

    def list(self, prefix: str) -> Iterator[Object]:
        """Yield the objects whose keys begin with `prefix`, in the order of their keys, a thousand with each call."""
        token: Optional[str] = None
        while True:
            answer = self._page(prefix, token)
            for each in answer.get("Contents", ()):
                if each["Key"].startswith(prefix):
                    yield Object(each["Key"], int(each["Size"]), each["ETag"].strip('"'), _utc(each["LastModified"]))
            token = answer.get("NextContinuationToken")
            if not answer.get("IsTruncated") or not token:
                return

    def head(self, key: str) -> Optional[Object]:
        """Return what S3 says of `key`, None where there is no such object."""
        refusals: list[BaseException] = []

        def ask() -> Object:
            try:
                answer = self.client.head_object(**self.named(key))
            except exceptions.ClientError as error:
                # The answer to HEAD has no body, so that it does not say when it is for expired credentials.
                if failures.code(error) == "400" and not refusals:
                    refusals.append(error)
                    raise _as_expired(error) from None
                raise
            return Object(key, int(answer["ContentLength"]), with_etag(answer), _utc(answer["LastModified"]))

        try:
            return self.perform("s3:GetObject", key, ask)
        except errors.ObjectMissing:
            return None

    def delete(self, key: str) -> None:
        """Remove `key`; one that is not there is no error. In a bucket with versions, the old one stays beneath."""
        self.perform("s3:DeleteObject", key, lambda: self.client.delete_object(**self.named(key)))

    def named(self, key: Optional[str] = None) -> dict[str, str]:
        """Return the arguments that every call has."""
        owner = {} if self.expected_owner is None else {"ExpectedBucketOwner": self.expected_owner}
        return {"Bucket": self.name, **({} if key is None else {"Key": key}), **owner}

    def encryption(self) -> dict[str, str]:
        """Return the arguments of calls that make an object."""
        if self.kms_key_id is None:
            return {}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key_id}

    def check_encryption(self, answer: Mapping[str, Any], key: str) -> None:
        """Raise BucketUnusable where a key was asked for and the service says that it used none."""
        if self.kms_key_id is not None and answer.get("ServerSideEncryption") != "aws:kms":
            raise errors.BucketUnusable(
                f"{self.url(key)} was not encrypted with KMS, though --kms-key-id asks for that",
                hint="The service at the endpoint does not know SSE-KMS: leave --kms-key-id away, or use Amazon S3.",
            )

    def perform(
        self, action: str, key: Optional[str], operation: Callable[[], Result], *, seconds: Optional[float] = None
    ) -> Result:
        """Return what `operation` returns, one call about `key` (None: about the bucket), repeated as needed.

        Within `seconds` at most, where less than usual is given.
        Raises what the class says, ObjectMissing, ObjectChanged, and UploadGone.
        """
        call = failures.Call(
            action=action,
            resources=(self.arn(key),),
            endpoint=self.client.meta.endpoint_url,
            region=self.region,
            partition=partition.of(self.region).name,
        )

        def attempt() -> Result:
            try:
                return operation()
            except exceptions.ClientError as error:
                if not self._follow(error):
                    self._refuse(error, key)
                    raise
            return attempt()

        try:
            return calls.perform(
                attempt,
                call,
                deadline=retry.Deadline(min(seconds or self.deadline_seconds, self.deadline_seconds), self.clock),
                attempt_seconds=session.attempt_seconds(self.client),
                renew=self._renew,
            )
        except errors.AwsDenied as error:
            raise errors.AwsDenied(error.message, hint=error.hint + self._why_denied(action)) from None

    def _page(self, prefix: str, token: Optional[str]) -> Mapping[str, Any]:
        def ask() -> Mapping[str, Any]:
            more = {} if token is None else {"ContinuationToken": token}
            answer: Mapping[str, Any] = self.client.list_objects_v2(**self.named(), Prefix=prefix, **more)
            if "Name" not in answer:  # botocore makes an empty answer of any page that happens to be XML
                raise failures.NotAnAnswer
            return answer

        return self.perform("s3:ListBucket", None, ask)

    def _follow(self, error: exceptions.ClientError) -> bool:
        """Go to the region that the bucket is in, once, where `error` says that it is not in this one."""
        which = failures.code(error)
        # The answer to HEAD has no body, so that its code is the status: 400 for a signature of another region.
        if self._in_region is None or which not in (*_ELSEWHERE, "400"):
            return False
        home = _header(error, "x-amz-bucket-region") or str(error.response["Error"].get("Region", ""))
        if not home and which in _ELSEWHERE:
            home = self._asked_for_region()
        if not home or home == self.region:
            return False
        logger.info("S3 bucket %s is in %s, not in %s", self.name, home, self.region)
        self.client = self._in_region(home)
        self._in_region = None
        return True

    def _asked_for_region(self) -> str:
        """Return the region of the bucket, which S3 says to anybody who asks; nothing where it does not."""
        try:
            answer = self.client.head_bucket(**self.named())
        except exceptions.ClientError as error:
            return _header(error, "x-amz-bucket-region")
        except failures.RAISED:
            return ""
        return str(answer["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region", ""))

    def _refuse(self, error: exceptions.ClientError, key: Optional[str]) -> None:
        """Raise what says more than AWS's code does; return for every other failure."""
        which = failures.code(error)
        if which == "NoSuchBucket":
            raise errors.BucketUnusable(
                f"there is no S3 bucket {self.name}", hint=f"Check the name, or make it: aws s3 mb s3://{self.name}"
            ) from None
        if which in _ELSEWHERE:
            home = _header(error, "x-amz-bucket-region")
            raise errors.BucketUnusable(
                f"S3 bucket {self.name} is not in {self.region}" + (f" but in {home}" if home else ""),
                hint="Use a bucket of this region, or set AWS_ENDPOINT_URL_S3 to where the bucket is; a gateway "
                "endpoint of a VPC leads to its own region only.",
            ) from None
        if which == "NoSuchUpload":
            raise UploadGone from None
        if key is not None and which in _MISSING:
            raise errors.ObjectMissing(
                f"there is no {self.url(key)}", hint=f"Look what is there: aws s3 ls {self.url(key)}"
            ) from None
        if key is not None and which in ("PreconditionFailed", "412"):
            raise errors.ObjectChanged(
                f"{self.url(key)} was replaced while it was read",
                hint="Try again, when nothing else writes there.",
            ) from None

    def _why_denied(self, action: str) -> str:
        """Return what else makes S3 answer so."""
        more = ""
        if action == "s3:GetObject":
            more += f" Without s3:ListBucket on {self.arn()} S3 also denies what is merely missing."
        if self.expected_owner is not None:
            more += f" S3 answers the same where bucket {self.name} does not belong to account {self.expected_owner}."
        return more


def md5(data: bytes) -> bytes:
    """Return the MD5 of `data`; not for security, so that it works on a host in FIPS mode too."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def with_etag(answer: Mapping[str, Any]) -> str:
    """Return the ETag in an answer, without its quotes; raises NotAnAnswer where a page of a proxy has none."""
    if not answer.get("ETag"):
        raise failures.NotAnAnswer
    return str(answer["ETag"]).strip('"')


def read_all(answer: Mapping[str, Any]) -> bytes:
    """Return the whole body of an answer; raises ConnectionError where it ends early."""
    import urllib3.exceptions  # noqa: PLC0415  # comes with botocore, which does not wrap all that it raises

    try:
        content: bytes = answer["Body"].read()
    except urllib3.exceptions.HTTPError:
        raise ConnectionResetError("connection reset") from None
    if len(content) != int(answer["ContentLength"]):
        raise ConnectionResetError("connection reset")
    return content


def _header(error: exceptions.ClientError, name: str) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(headers.get(name, ""))


def _as_expired(error: exceptions.ClientError) -> exceptions.ClientError:
    return exceptions.ClientError({**error.response, "Error": {"Code": "ExpiredToken"}}, error.operation_name)


def _utc(moment: datetime.datetime) -> datetime.datetime:
    return moment.astimezone(datetime.timezone.utc)
