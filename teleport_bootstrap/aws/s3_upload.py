"""An upload to S3 of something whose size nobody knows yet, in bounded memory: all of it, or nothing.

What is written goes up in parts while the caller makes more of it, and becomes an object only when all of them are
there. Small ones go up in one call. S3 keeps the parts of an upload that is neither completed nor aborted, unseen and
paid for; so each failure aborts, and `abort_all` finds what a killed run has left.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable
from concurrent import futures
from types import TracebackType
from typing import Any, Optional

from botocore import exceptions

from teleport_bootstrap import errors
from teleport_bootstrap.aws import failures, s3

logger = logging.getLogger(__name__)

# S3 User Guide, "Multipart upload limits": 10,000 parts of 5 MiB to 5 GiB, 5 TiB in all.
PARTS = 10_000
FIRST_PART_BYTES = 8 * 1024 * 1024
PARTS_OF_A_SIZE = 1000

# Parts that are under way at once, as long as they are small; one connection alone does not fill an instance's network.
SENDERS = 3
UNDER_WAY_BYTES = 32 * 1024 * 1024

# How long the abort may take, when AWS may be what is out of reach.
ABORT_SECONDS = 30.0


def part_bytes(number: int) -> int:
    """Return how large part `number`, from 1 on, is: 8 MiB up to 8 GB, and doubling each thousand parts.

    Sizes must grow, or memory would have to be laid out for the largest object from the start: with those, the 10,000
    parts hold 8 TiB.
    """
    return int(FIRST_PART_BYTES * 2 ** ((number - 1) // PARTS_OF_A_SIZE))


class Upload:
    """A sink for the new object `key`. Use as a context manager: when the body raises, nothing is left of it.

    All methods raise what s3.Bucket's methods raise. While it is open, threads of its own are at work.
    """

    def __init__(self, bucket: s3.Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._held = bytearray()
        self._upload_id: Optional[str] = None
        self._begins = 0
        self._etags: list[str] = []
        self._under_way: collections.deque[tuple[int, futures.Future[str]]] = collections.deque()
        self._senders: Optional[futures.ThreadPoolExecutor] = None
        self._given_up = threading.Event()
        self._may_be_there = False
        self.size = 0

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except BaseException:
            self._abort()
            raise
        else:
            if kind is not None:
                self._abort()
        finally:
            self._stop()

    def write(self, data: bytes) -> None:
        """Take all of `data`; waits while enough is under way."""
        left = memoryview(data)
        while left:
            room = part_bytes(self._number) - len(self._held)
            if not room:
                self._send()
                continue
            taken = left[:room]
            self._held += taken
            self.size += len(taken)
            left = left[len(taken) :]

    @property
    def _number(self) -> int:
        """The number of the part that is being filled."""
        return len(self._etags) + len(self._under_way) + 1

    def _send(self) -> None:
        """Hand over what is held as the next part."""
        self._upload_id = self._upload_id or self._begin()
        self._senders = self._senders or futures.ThreadPoolExecutor(SENDERS, thread_name_prefix="s3-upload")
        part, number = self._held, self._number
        if number > PARTS:
            raise errors.AwsFailed(
                f"{self._bucket.url(self._key)} would have more than {PARTS} parts",
                hint="S3 takes no more than 5 TiB in one object: leave something out, or keep it elsewhere.",
            )
        self._held = bytearray()
        while self._under_way and (
            len(self._under_way) >= SENDERS
            or sum(size for size, _ in self._under_way) + len(part) > UNDER_WAY_BYTES
            or self._under_way[0][1].done()
        ):
            self._await_one()
        self._under_way.append((len(part), self._senders.submit(self._send_part, self._upload_id, number, part)))

    def _await_one(self) -> None:
        etag = self._under_way[0][1].result()
        self._under_way.popleft()
        self._etags.append(etag)

    def _begin(self) -> str:
        def create() -> str:
            self._begins += 1
            answer = self._bucket.client.create_multipart_upload(
                **self._bucket.named(self._key),
                **self._bucket.encryption(),
                ContentType="application/octet-stream",
            )
            if not answer.get("UploadId"):
                raise failures.NotAnAnswer
            return str(answer["UploadId"])

        return self._bucket.perform("s3:PutObject", self._key, create)

    def _send_part(self, upload_id: str, number: int, part: bytearray) -> str:
        """Send one part, in a thread of its own, and return its ETag."""
        digest = base64.b64encode(hashlib.md5(part, usedforsecurity=False).digest()).decode()

        def send() -> str:
            if self._given_up.is_set():
                raise _GivenUp
            answer = self._bucket.client.upload_part(
                **self._bucket.named(self._key),
                UploadId=upload_id,
                PartNumber=number,
                Body=part,
                ContentMD5=digest,
            )
            etag = s3.with_etag(answer)
            self._bucket.check_encryption(answer, self._key)
            return etag

        try:
            return self._bucket.perform("s3:PutObject", self._key, send)
        except s3.UploadGone:
            raise errors.AwsFailed(
                f"the upload of {self._bucket.url(self._key)} was aborted by somebody else",
                hint="Look for another backup of this host, and for a lifecycle rule of the bucket that aborts "
                "incomplete uploads too early.",
            ) from None
        finally:
            # botocore leaves it in cycles of objects, which Python finds only now and then.
            with contextlib.suppress(BufferError):  # still being looked at: then it has to wait for that
                part.clear()

    def _finish(self) -> None:
        if self._upload_id is None:
            self._may_be_there = True
            self._bucket.put(self._key, bytes(self._held))
            self._held = bytearray()
            self._check_size()
            return
        if self._held:
            self._send()
        while self._under_way:
            self._await_one()
        self._complete(self._upload_id)
        self._upload_id = None
        self._abort_others()

    def _complete(self, upload_id: str) -> None:
        parts = [{"PartNumber": number, "ETag": f'"{etag}"'} for number, etag in enumerate(self._etags, start=1)]

        def complete() -> str:
            try:
                answer = self._bucket.client.complete_multipart_upload(
                    **self._bucket.named(self._key), UploadId=upload_id, MultipartUpload={"Parts": parts}
                )
            except exceptions.ClientError as error:
                if failures.code(error) != "Unknown":
                    raise
                # S3 has said 200 before it knew how it ends. An older botocore sees the error that comes then, but not
                # what it is.
                raise exceptions.ClientError(
                    {**error.response, "Error": {"Code": "InternalError"}}, error.operation_name
                ) from None
            return s3.with_etag(answer)

        self._may_be_there = True
        try:
            self._bucket.perform("s3:PutObject", self._key, complete)
        except s3.UploadGone:
            # Either somebody has aborted it, or an earlier attempt has completed it and its answer was lost.
            if not self._is_there():
                raise errors.AwsFailed(
                    f"the upload of {self._bucket.url(self._key)} was aborted by somebody else",
                    hint="Look for another backup of this host, then try again.",
                ) from None
        else:
            self._check_size()

    def _is_there(self) -> bool:
        found = self._bucket.head(self._key)
        return found is not None and found.size == self.size and found.etag.endswith(f"-{len(self._etags)}")

    def _check_size(self) -> None:
        try:
            found = self._bucket.head(self._key)
        except errors.AwsDenied:
            return  # to be read back, it takes that permission too, and then its lack is told
        if found is None or found.size != self.size:
            raise errors.AwsFailed(
                f"{self._bucket.url(self._key)} has {found.size if found else 0} bytes after {self.size} were sent",
                hint="Look what stands between here and S3, and try again.",
            )

    def _abort(self) -> None:
        """Leave nothing behind. What prevents that is logged: the failure that led here matters more."""
        self._given_up.set()
        self._stop()
        self._held = bytearray()
        try:
            if self._upload_id is not None:
                _abort(self._bucket, self._key, self._upload_id)
            self._abort_others()
            if self._may_be_there:
                # The answer to the call that made the object may be all that was lost.
                self._bucket.perform("s3:DeleteObject", self._key, self._delete, seconds=ABORT_SECONDS)
        except errors.BootstrapError as error:
            logger.warning(
                "what was sent of %s may still be in the bucket: %s; the next backup removes parts",
                self._bucket.url(self._key),
                error.message,
            )

    def _delete(self) -> None:
        self._bucket.client.delete_object(**self._bucket.named(self._key))

    def _abort_others(self) -> None:
        """Abort what attempts have begun whose answers were lost; the object's name is ours alone."""
        if self._begins < 2:
            return
        try:
            abort_all(self._bucket, self._key, lambda key: key == self._key)
        except errors.AwsDenied as error:
            logger.info("uploads that were begun in vain cannot be looked for: %s", error.message)

    def _stop(self) -> None:
        if self._senders is not None:
            self._senders.shutdown(wait=True)
            self._senders = None
        self._under_way.clear()


class _GivenUp(Exception):
    """The upload is being aborted, so that there is no use in sending."""


def abort_all(bucket: s3.Bucket, prefix: str, is_ours: Callable[[str], bool]) -> tuple[str, ...]:
    """Abort all uploads under way whose keys begin with `prefix` and are `is_ours`; return those keys."""
    found = [(key, upload_id) for key, upload_id in _under_way(bucket, prefix) if is_ours(key)]
    for key, upload_id in found:
        _abort(bucket, key, upload_id)
    return tuple(key for key, _ in found)


def _under_way(bucket: s3.Bucket, prefix: str) -> list[tuple[str, str]]:
    """Return key and id of the uploads whose keys begin with `prefix`."""
    found: list[tuple[str, str]] = []
    after: dict[str, str] = {}
    while True:

        def ask(after: dict[str, str] = after) -> Any:
            answer = bucket.client.list_multipart_uploads(**bucket.named(), Prefix=prefix, **after)
            if "Bucket" not in answer:
                raise failures.NotAnAnswer
            return answer

        answer = bucket.perform("s3:ListBucketMultipartUploads", None, ask)
        uploads = answer.get("Uploads", ())
        found += [(each["Key"], each["UploadId"]) for each in uploads if each["Key"].startswith(prefix)]
        after = {"KeyMarker": answer.get("NextKeyMarker", ""), "UploadIdMarker": answer.get("NextUploadIdMarker", "")}
        if not answer.get("IsTruncated") or not all(after.values()):
            return found


def _abort(bucket: s3.Bucket, key: str, upload_id: str) -> None:
    def abort() -> None:
        bucket.client.abort_multipart_upload(**bucket.named(key), UploadId=upload_id)

    try:
        bucket.perform("s3:AbortMultipartUpload", key, abort, seconds=ABORT_SECONDS)
    except s3.UploadGone:
        return
