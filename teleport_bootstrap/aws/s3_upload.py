"""An upload to S3 of content whose size is not known yet, in bounded memory: all of it, or nothing.

Parts are sent while the caller writes more, and become an object only when all of them have arrived. Small content is
sent in one call. S3 stores, and charges for, the invisible parts of an upload that is neither completed nor aborted;
therefore each failure aborts the upload, and `abort_all` finds what a killed run has left.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent import futures

from teleport_bootstrap import errors, log
from teleport_bootstrap.aws import failures, s3
from teleport_bootstrap.hints import Any

logger = log.Logger(__name__)

# S3 User Guide, "Multipart upload limits": 10,000 parts of 5 MiB to 5 GiB, 5 TiB in all.
PARTS = 10_000
FIRST_PART_BYTES = 8 * 1024 * 1024
PARTS_OF_A_SIZE = 1000

# How many parts are sent at once, as long as they are small; one connection does not use the whole bandwidth.
SENDERS = 3
UNDER_WAY_BYTES = 32 * 1024 * 1024

# How long the abort may take, since AWS may be unreachable.
ABORT_SECONDS = 30.0
SHORT_ABORT_SECONDS = 1.0


def part_bytes(number: int) -> int:
    """Return the size of part `number`, which counts from 1: 8 MiB, and twice as much after each thousand parts.

    A fixed size would need memory for the largest object from the start. With these sizes, 10,000 parts hold 8 TiB.
    """
    return int(FIRST_PART_BYTES * 2 ** ((number - 1) // PARTS_OF_A_SIZE))


class Upload:
    """A sink for the new object `key`. Use it as a context manager: when the body raises, no part of it is kept.

    All methods raise what s3.Bucket's methods raise. While it is open, it runs threads of its own.
    """

    def __init__(self, bucket: s3.Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._creations = 0
        self._etags: list[str] = []
        self._under_way: collections.deque[tuple[int, futures.Future[str]]] = collections.deque()
        self._senders: futures.ThreadPoolExecutor | None = None
        self._aborting = threading.Event()
        self._may_exist = False
        self._abort_seconds = ABORT_SECONDS
        self.size = 0

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        finished = False
        self._note(kind)
        try:
            if kind is None:
                self._finish()
                finished = True
        except errors.AwsUnreachable as error:
            self._note(type(error))
            raise
        finally:
            if finished:
                self._stop()
            else:
                self._abort()

    def _note(self, kind: type[BaseException] | None) -> None:
        # S3 has just been waited for in vain: once more is enough.
        if kind is not None and issubclass(kind, errors.AwsUnreachable):
            self._abort_seconds = SHORT_ABORT_SECONDS

    def write(self, data: bytes) -> None:
        """Take all of `data`; waits while enough parts are being sent."""
        left = memoryview(data)
        while left:
            room = part_bytes(self._number) - len(self._buffer)
            if not room:
                self._send()
                continue
            taken = left[:room]
            self._buffer += taken
            self.size += len(taken)
            left = left[len(taken) :]

    @property
    def _number(self) -> int:
        """The number of the part that is filled next."""
        return len(self._etags) + len(self._under_way) + 1

    def _send(self) -> None:
        """Send what is buffered as the next part."""
        self._upload_id = self._upload_id or self._begin()
        self._senders = self._senders or futures.ThreadPoolExecutor(SENDERS, thread_name_prefix="s3-upload")
        part, number = self._buffer, self._number
        if number > PARTS:
            raise errors.AwsFailed(
                f"{self._bucket.url(self._key)} would have more than {PARTS} parts",
                hint="S3 accepts at most 5 TiB in one object: back up less, or to another place.",
            )
        self._buffer = bytearray()
        while self._under_way and (
            len(self._under_way) >= SENDERS
            or sum(size for size, _ in self._under_way) + len(part) > UNDER_WAY_BYTES
            or self._under_way[0][1].done()
        ):
            self._finish_one()
        self._under_way.append((len(part), self._senders.submit(self._send_part, self._upload_id, number, part)))

    def _finish_one(self) -> None:
        etag = self._under_way[0][1].result()
        self._under_way.popleft()
        self._etags.append(etag)

    def _begin(self) -> str:
        options = {"ContentType": "application/octet-stream", **self._bucket.encryption()}

        def create() -> str:
            self._creations += 1
            answer = self._bucket.request("CreateMultipartUpload", self._key, expect="UploadId", **options)
            return str(answer["UploadId"])

        return self._bucket.perform("s3:PutObject", self._key, create)

    def _send_part(self, upload_id: str, number: int, part: bytearray) -> str:
        """Send one part, in a thread of its own, and return its ETag."""
        body = {"PartNumber": number, "Body": part, "ContentMD5": s3.content_md5(part)}

        def send() -> str:
            if self._aborting.is_set():
                raise _Aborting
            answer = self._bucket.request("UploadPart", self._key, expect="ETag", UploadId=upload_id, **body)
            self._bucket.check_encryption(answer, self._key)
            return str(answer["ETag"]).strip('"')

        try:
            return self._bucket.perform("s3:PutObject", self._key, send)
        except s3.UploadGone:
            raise self._aborted() from None
        finally:
            # botocore leaves it in reference cycles, which Python collects only now and then.
            with contextlib.suppress(BufferError):  # still referenced: then the collector frees it
                part.clear()

    def _finish(self) -> None:
        if self._upload_id is None:
            self._may_exist = True
            self._bucket.put(self._key, bytes(self._buffer))
            self._check_size()
            return
        if self._buffer:
            self._send()
        while self._under_way:
            self._finish_one()
        self._complete(self._upload_id)
        self._upload_id = None
        self._abort_others()

    def _complete(self, upload_id: str) -> None:
        parts = [{"PartNumber": number, "ETag": f'"{etag}"'} for number, etag in enumerate(self._etags, start=1)]

        options = {"UploadId": upload_id, "MultipartUpload": {"Parts": parts}}

        def complete() -> None:
            try:
                self._bucket.request("CompleteMultipartUpload", self._key, expect="ETag", **options)
            except failures.Refusal as error:
                if failures.code(error) != "Unknown":
                    raise
                # S3 sends status 200 before it knows the outcome. An older botocore sees an error, but not its code.
                raise failures.with_code(error, "InternalError") from None

        self._may_exist = True
        try:
            self._bucket.perform("s3:PutObject", self._key, complete)
        except s3.UploadGone:
            # Either it was aborted, or an earlier attempt completed it and the answer was lost.
            if not self._is_complete():
                raise self._aborted() from None
        else:
            self._check_size()

    def _aborted(self) -> errors.AwsFailed:
        return errors.AwsFailed(
            f"the upload of {self._bucket.url(self._key)} was aborted by something else",
            hint="Check for another backup of this host, and for a lifecycle rule of the bucket that aborts incomplete "
            "uploads too early.",
        )

    def _is_complete(self) -> bool:
        found = self._bucket.head(self._key)
        return found is not None and found.size == self.size and found.etag.endswith(f"-{len(self._etags)}")

    def _check_size(self) -> None:
        try:
            found = self._bucket.head(self._key)
        except errors.AwsDenied:
            return  # reading the object needs the same permission, and will report that it is missing
        if found is None or found.size != self.size:
            raise errors.AwsFailed(
                f"{self._bucket.url(self._key)} has {found.size if found else 0} bytes after {self.size} were sent",
                hint="Check for a proxy between this host and S3, and try again.",
            )

    def _abort(self) -> None:
        """Remove all that was sent. A failure is only logged: the one that led here matters more."""
        self._aborting.set()
        self._stop()
        self._buffer = bytearray()
        try:
            if self._upload_id is not None:
                _abort(self._bucket, self._key, self._upload_id, self._abort_seconds)
            self._abort_others()
            if self._may_exist:
                # The call that creates the object may have succeeded although its answer was lost.
                self._bucket.delete(self._key, seconds=self._abort_seconds)
        except errors.BootstrapError as error:
            remain = "parts of %s may still be in the bucket: %s; the next backup removes them"
            logger.warning(remain, self._bucket.url(self._key), error.message)

    def _abort_others(self) -> None:
        """Abort uploads that were created by attempts whose answers were lost; no one else uses this key."""
        if self._creations < 2:
            return
        try:
            abort_all(self._bucket, self._key, lambda key: key == self._key)
        except errors.AwsDenied as error:
            logger.info("cannot look for uploads that were created in vain: %s", error.message)

    def _stop(self) -> None:
        if self._senders is not None:
            self._senders.shutdown(wait=True)
            self._senders = None
        self._under_way.clear()


class _Aborting(Exception):
    """The upload is being aborted, so that sending is useless."""


def abort_all(bucket: s3.Bucket, prefix: str, is_ours: Callable[[str], bool]) -> tuple[str, ...]:
    """Abort all incomplete uploads whose keys begin with `prefix` and satisfy `is_ours`; return those keys."""
    tokens = {"NextKeyMarker": "KeyMarker", "NextUploadIdMarker": "UploadIdMarker"}

    def matching(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
        found = [(each["Key"], each["UploadId"]) for each in answer.get("Uploads", ())]
        return [(key, upload) for key, upload in found if key.startswith(prefix) and is_ours(key)]

    pages = bucket.pages(
        "s3:ListBucketMultipartUploads", "ListMultipartUploads", prefix, tokens, matching, expect="Bucket"
    )
    found = [each for page in pages for each in page]
    for key, upload_id in found:
        _abort(bucket, key, upload_id)
    return tuple(key for key, _ in found)


def _abort(bucket: s3.Bucket, key: str, upload_id: str, seconds: float = ABORT_SECONDS) -> None:
    with contextlib.suppress(s3.UploadGone):
        bucket.call("s3:AbortMultipartUpload", "AbortMultipartUpload", key, seconds=seconds, UploadId=upload_id)
