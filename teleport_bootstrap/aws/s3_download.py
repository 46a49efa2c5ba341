"""A stream of one object in S3 that survives dropped connections, and holds bytes of one version only."""

from __future__ import annotations

import contextlib
import io
import time

from teleport_bootstrap import errors, log
from teleport_bootstrap.aws import failures, s3
from teleport_bootstrap.hints import TYPE_CHECKING, Any
from teleport_bootstrap.host import retry, time_limit

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

logger = log.Logger(__name__)

_BUFFER = 1024 * 1024
# All that reading from a connection raises.
_DROPPED = (failures.Unreachable, OSError)


class Download(io.BufferedReader):
    """A binary stream to read from front to back. `size` in bytes and `etag` are those of the version that is read.

    Reading raises what s3.Bucket's methods raise, and ObjectChanged when that version does not exist any more.
    """

    def __init__(self, bucket: s3.Bucket, key: str, if_match: str | None = None) -> None:
        """Begin the download; `if_match` is the ETag of the only version to read.

        Raises what s3.Bucket's methods raise, ObjectMissing, and ObjectChanged.
        """
        connection = _Connection(bucket, key, if_match)
        self.size, self.etag = connection.size, connection.etag
        super().__init__(connection, _BUFFER)


class _Connection(io.RawIOBase):
    """The bodies of as many GETs as needed, one after the other."""

    def __init__(self, bucket: s3.Bucket, key: str, if_match: str | None) -> None:
        super().__init__()
        self._bucket = bucket
        self._key = key
        self._at = 0
        self._body: Any = None
        self._deadline: retry.Deadline | None = None
        self._interrupted_at = 0
        self.etag = if_match
        self.size = 0
        bucket.perform("s3:GetObject", key, self._request)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        into = memoryview(buffer).cast("B")
        wanted = min(len(into), self.size - self._at)
        data = self._read(wanted) if wanted else b""
        into[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _read(self, wanted: int) -> bytes:
        """Return at least one and at most `wanted` of the next bytes."""
        began = time.monotonic()
        try:
            return self._some(wanted)
        except _DROPPED as error:
            url = self._bucket.url(self._key)
            logger.debug("the download of %s was interrupted at byte %d: %s", url, self._at, error)
        # Each interruption after some progress gets a new deadline.
        if self._deadline is None or self._at - self._interrupted_at >= time_limit.PIECE_BYTES:
            self._deadline = retry.Deadline(max(self._bucket.wait_seconds - (time.monotonic() - began), 0.0))
            self._interrupted_at = self._at
        left = self._deadline.remaining()
        return self._bucket.perform("s3:GetObject", self._key, lambda: self._resume(wanted), seconds=max(left, 0.01))

    def _resume(self, wanted: int) -> bytes:
        self._drop()
        self._request()
        try:
            return self._some(wanted)
        except _DROPPED:
            raise ConnectionResetError("connection reset") from None

    def _some(self, wanted: int) -> bytes:
        data: bytes = self._body.read(wanted)
        if not data:
            raise ConnectionResetError("connection reset")
        return data

    def _request(self) -> None:
        """Request the rest of the object. The first answer sets the version, the others must be of the same one."""
        begun = self._at > 0
        options = {} if self.etag is None else {"IfMatch": f'"{self.etag}"'}
        if begun:
            options["Range"] = f"bytes={self._at}-"
        answer = self._bucket.request("GetObject", self._key, expect="ETag", **options)
        etag, length = answer["ETag"].strip('"'), int(answer["ContentLength"])
        if length < 0:
            raise failures.NotAnAnswer
        expected_range = f"bytes {self._at}-{self.size - 1}/{self.size}" if begun else answer.get("ContentRange")
        # Checked, since the service or a proxy may not know ranges or conditions.
        if (self.etag is not None and etag != self.etag) or answer.get("ContentRange") != expected_range:
            answer["Body"].close()
            raise errors.ObjectChanged(
                f"{self._bucket.url(self._key)} was replaced while it was read, or cannot be read in parts",
                hint="Try again when nothing else writes to it.",
            )
        self._body, self.etag = answer["Body"], etag
        if not begun:
            self.size = length

    def _drop(self) -> None:
        if self._body is not None:
            with contextlib.suppress(*failures.RAISED):
                self._body.close()
        self._body = None
