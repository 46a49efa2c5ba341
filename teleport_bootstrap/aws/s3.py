"""Objects in one S3 bucket: each call is retried while that helps, and each failure says how to mend it.

Only the keys and prefixes that are asked for are read, listed or deleted. Content is checked by MD5 (Content-MD5 when
it is sent), which every botocore and every service that speaks S3 knows.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping

from teleport_bootstrap import errors, log, regex
from teleport_bootstrap.aws import failures
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.host import retry
from teleport_bootstrap.records import dataclass

logger = log.Logger(__name__)

Result = TypeVar("Result")

# What `get` reads into memory; s3_download streams larger objects.
LARGEST = 64 * 1024 * 1024

# More objects below one prefix than any that holds what is looked for; and how long it may take to list them.
MOST_LISTED = 2_000_000
LISTING_SECONDS = 900.0

_NAME = regex.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3 User Guide, "Bucket naming rules"
_ONE_PAGE = 1000
_ACCOUNT = regex.compile(r"[0-9]{12}")
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "301", "307", "AuthorizationHeaderMalformed"}
    | {"IllegalLocationConstraintException"}
)


@dataclass(frozen=True)
class Object:
    """An object as S3 describes it: `size` in bytes, `etag` without its quotes, `modified` in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime.datetime


class TooLarge(errors.AwsFailed):
    """An object is larger than the caller reads into memory."""


class UploadGone(Exception):
    """S3 does not know the multipart upload (any more): it was completed or aborted."""


class Bucket:
    """One bucket; get it from `account.Aws.s3`, which explains the parameters.

    All methods raise AwsDenied, AwsThrottled, AwsUnreachable, AwsFailed, ClockWrong, CredentialsMissing, and
    BucketUnusable where the bucket does not exist or does not do what was asked of it.
    """

    def __init__(
        self,
        service: Service,
        name: str,
        *,
        expected_owner: str | None = None,
        kms_key_id: str | None = None,
        in_region: Callable[[str], Service] | None = None,
    ) -> None:
        """`in_region` returns S3 in another region, for a bucket that turns out to be there."""
        if not _NAME.fullmatch(name):
            raise errors.UsageError(
                f"{name!r} is not a valid name of an S3 bucket", hint="Write the destination as s3://BUCKET/PREFIX."
            )
        if expected_owner is not None and not _ACCOUNT.fullmatch(expected_owner):
            raise errors.UsageError(
                f"{expected_owner!r} is not an AWS account number", hint="Give the twelve digits of the bucket's owner."
            )
        self.name = name
        self.kms_key_id = kms_key_id
        self.expected_owner = expected_owner
        self._service = service
        self._in_region = in_region

    def arn(self, key: str | None = None) -> str:
        """Return the ARN of `key`, or of the bucket itself."""
        return f"arn:{self._service.partition}:s3:::{self.name}" + ("" if key is None else f"/{key}")

    @property
    def region(self) -> str:
        """The region in which the bucket is called: once a call has succeeded, that of the bucket."""
        return self._service.region

    @property
    def wait_seconds(self) -> float:
        """The deadline of one call with its retries."""
        return self._service.wait_seconds

    def url(self, key: str) -> str:
        """Return the s3:// URL of `key`, as messages show it."""
        return f"s3://{self.name}/{key}"

    def get(self, key: str, *, largest: int = LARGEST) -> bytes:
        """Return the content of `key`, at most `largest` bytes. Raises ObjectMissing, and TooLarge for more bytes."""

        def read() -> bytes:
            answer = self.request("GetObject", key, expect="ETag")
            try:
                if int(answer["ContentLength"]) < 0:
                    raise failures.NotAnAnswer
                if int(answer["ContentLength"]) > largest:
                    raise TooLarge(
                        f"{self.url(key)} is larger than {largest // 1024} KiB",
                        hint="Find out what wrote it: a small file was expected there.",
                    )
                return _whole_body(answer)
            finally:
                answer["Body"].close()

        return self.perform("s3:GetObject", key, read)

    def put(self, key: str, data: bytes, *, content_type: str = "application/octet-stream") -> str:
        """Write `data` to `key` in one call and return the ETag; an existing object is replaced."""
        body: dict[str, Any] = {"Body": data, "ContentMD5": content_md5(data), "ContentType": content_type}
        answer = self.call("s3:PutObject", "PutObject", key, expect="ETag", **body, **self.encryption())
        self.check_encryption(answer, key)
        return str(answer["ETag"]).strip('"')

    def list(self, prefix: str) -> Iterator[Object]:
        """Yield the objects whose keys begin with `prefix`, in the order of their keys, a thousand with each call.

        Raises BucketUnusable where there are more than MOST_LISTED, or they come too slowly.
        """
        tokens = {"NextContinuationToken": "ContinuationToken"}

        def objects(answer: Mapping[str, Any]) -> list[Object]:
            found = (each for each in answer.get("Contents", ()) if each["Key"].startswith(prefix))
            return [_object(each["Key"], each["Size"], each) for each in found]

        for page in self.pages("s3:ListBucket", "ListObjectsV2", prefix, tokens, objects, expect="Name"):
            yield from page

    def is_listed(self, key: str) -> bool:
        """Return whether a list shows `key`, which is then the first of all keys that begin with it."""
        return any(each.key == key for each in itertools.islice(self.list(key), _ONE_PAGE))

    def head(self, key: str) -> Object | None:
        """Return the object `key`, None where it does not exist."""
        refusals: list[BaseException] = []

        def ask() -> Object:
            try:
                answer = self.request("HeadObject", key, expect="ETag")
            except failures.Refusal as error:
                # The answer to HEAD has no body, so that it cannot say that the credentials have expired.
                if failures.code(error) == "400" and not refusals:
                    refusals.append(error)
                    raise failures.with_code(error, "ExpiredToken") from None
                raise
            return _object(key, answer["ContentLength"], answer)

        try:
            return self.perform("s3:GetObject", key, ask)
        except errors.ObjectMissing:
            return None

    def delete(self, key: str, *, seconds: float | None = None) -> None:
        """Delete `key`, which may be missing. A bucket with versioning keeps the old version."""
        self.call("s3:DeleteObject", "DeleteObject", key, seconds=seconds)

    def call(
        self,
        action: str,
        operation: str,
        key: str | None = None,
        *,
        seconds: float | None = None,
        read: Callable[[Any], Any] = lambda answer: answer,
        **parameters: Any,
    ) -> Any:
        """Send one request and return what `read` makes of its answer; raises and retries as `perform`.

        The other parameters are those of `request`.
        """
        return self.perform(action, key, lambda: read(self.request(operation, key=key, **parameters)), seconds=seconds)

    def pages(
        self,
        action: str,
        operation: str,
        prefix: str,
        tokens: Mapping[str, str],
        read: Callable[[Mapping[str, Any]], Result],
        *,
        expect: str,
    ) -> Iterator[Result]:
        """Yield what `read` makes of the answers of a request that lists, one for each page.

        `tokens` maps the fields that tell where the next page begins to the parameters that ask for it.
        Raises BucketUnusable as `list`.
        """
        deadline = retry.Deadline(LISTING_SECONDS, self._service.clock)
        more: dict[str, Any] = {}
        for _ in range(MOST_LISTED // _ONE_PAGE):
            answer, found = self.call(
                action, operation, read=lambda answer: (answer, read(answer)), expect=expect, Prefix=prefix, **more
            )
            yield found
            before, more = more, {parameter: answer.get(field, "") for field, parameter in tokens.items()}
            if not answer.get("IsTruncated") or not all(more.values()) or more == before:
                return
            if not deadline.remaining():
                raise self._too_many(f"listing {self.url(prefix)} takes longer than {LISTING_SECONDS:.0f} s")
        raise self._too_many(f"there are more than {MOST_LISTED:,} objects at {self.url(prefix)}")

    def _too_many(self, what: str) -> errors.BucketUnusable:
        return errors.BucketUnusable(
            what, hint="Name a longer prefix, under which there is nothing else, or move other objects elsewhere."
        )

    def request(self, operation: str, key: str | None = None, **parameters: Any) -> Any:
        """Send one request about `key` (None: about the bucket), as Service.request does; use it within `perform`."""
        if key is not None:
            parameters["Key"] = key
        if self.expected_owner is not None:
            parameters["ExpectedBucketOwner"] = self.expected_owner
        return self._service.request(operation, Bucket=self.name, **parameters)

    def encryption(self) -> dict[str, Any]:
        """Return the parameters of requests that create an object."""
        if self.kms_key_id is None:
            return {}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key_id}

    def check_encryption(self, answer: Mapping[str, Any], key: str) -> None:
        """Raise BucketUnusable where a KMS key was required and the service did not use one."""
        if self.kms_key_id is not None and answer.get("ServerSideEncryption") != "aws:kms":
            raise errors.BucketUnusable(
                f"{self.url(key)} was not encrypted with KMS, though --kms-key-id asks for that",
                hint="The service at the endpoint does not support SSE-KMS: omit --kms-key-id, or use Amazon S3.",
            )

    def perform(
        self, action: str, key: str | None, operation: Callable[[], Result], *, seconds: float | None = None
    ) -> Result:
        """Return what `operation` returns, which makes one request about `key` (None: about the bucket); retry it.

        `seconds` is a shorter deadline than the service's. Raises what the class lists, ObjectMissing, ObjectChanged,
        and UploadGone.
        """
        service = self._service

        def attempt() -> Result:
            try:
                return operation()
            except failures.Refusal as error:
                if not self._follow(error):
                    self._refuse(error, key)
                    raise
            return attempt()

        try:
            deadline = retry.Deadline(min(seconds or service.wait_seconds, service.wait_seconds), service.clock)
            return service.perform(action, [self.arn(key)], attempt, deadline)
        except errors.AwsDenied as error:
            raise errors.AwsDenied(error.message, hint=error.hint + self._why_denied(action)) from None

    def _follow(self, error: failures.Refusal) -> bool:
        """Switch to the region of the bucket, once, where `error` says that it is not in this one; return whether."""
        which = failures.code(error)
        # The answer to HEAD has no body, so that its code is the status: 400 for a signature of another region.
        if self._in_region is None or which not in (*_ELSEWHERE, "400"):
            return False
        home = _region_in(error.response) or str(error.response["Error"].get("Region", ""))
        if not home and which in _ELSEWHERE:
            home = self._home_region()
        if not home or home == self._service.region:
            return False
        logger.info("S3 bucket %s is in %s, not in %s", self.name, home, self._service.region)
        self._service = self._in_region(home)
        self._in_region = None
        return True

    def _home_region(self) -> str:
        """Return the region of the bucket, which S3 tells any caller; "" where it does not."""
        try:
            return _region_in(self.request("HeadBucket"))
        except failures.Refusal as error:
            return _region_in(error.response)
        except failures.RAISED:
            return ""

    def _refuse(self, error: failures.Refusal, key: str | None) -> None:
        """Raise an error that says more than AWS's code, where there is one."""
        which = failures.code(error)
        if which == "NoSuchBucket":
            raise errors.BucketUnusable(
                f"there is no S3 bucket {self.name}", hint=f"Check the name, or create it: aws s3 mb s3://{self.name}"
            ) from None
        if which in _ELSEWHERE:
            home = _region_in(error.response)
            raise errors.BucketUnusable(
                f"S3 bucket {self.name} is not in {self._service.region}" + (f" but in {home}" if home else ""),
                hint="Use a bucket in this region, or set AWS_ENDPOINT_URL_S3 to the endpoint of the bucket's region. "
                "A gateway endpoint of a VPC reaches its own region only.",
            ) from None
        if which == "NoSuchUpload":
            raise UploadGone from None
        if key is not None and which in _MISSING:
            raise errors.ObjectMissing(
                f"there is no {self.url(key)}", hint=f"List what exists: aws s3 ls {self.url(key)}"
            ) from None
        if key is not None and which in ("PreconditionFailed", "412"):
            raise errors.ObjectChanged(
                f"{self.url(key)} was replaced while it was read", hint="Try again when nothing else writes to it."
            ) from None

    def _why_denied(self, action: str) -> str:
        """Return, for the hint, the other reasons why S3 denies a call."""
        more = ""
        if action == "s3:GetObject":
            more += f" Without s3:ListBucket on {self.arn()} S3 also denies access to objects that do not exist."
        if self.expected_owner is not None:
            more += f" S3 also denies access where bucket {self.name} does not belong to account {self.expected_owner}."
        return more


def content_md5(data: bytes | bytearray) -> str:
    """Return the Content-MD5 of `data`; not for security, so that it works on a host in FIPS mode too."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _whole_body(answer: Mapping[str, Any]) -> bytes:
    """Return the whole body of an answer; raises failures.RAISED where it ends early."""
    size = int(answer["ContentLength"])
    content = bytearray()
    while len(content) < size:
        part = answer["Body"].read(min(size - len(content), 1024 * 1024))
        if not part:
            raise ConnectionResetError("connection reset")
        content += part
    return bytes(content)


def _region_in(answer: Mapping[str, Any]) -> str:
    """Return the bucket's region as the headers of an answer tell it, "" where they do not."""
    return str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region", ""))


def _object(key: str, size: int, facts: Mapping[str, Any]) -> Object:
    if int(size) < 0:
        raise failures.NotAnAnswer
    return Object(key, int(size), facts["ETag"].strip('"'), facts["LastModified"].astimezone(datetime.timezone.utc))
