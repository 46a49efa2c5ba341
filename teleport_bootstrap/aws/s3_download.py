"""A stream of one object in S3 that goes on where a dropped connection left it, with bytes of one version only."""

from __future__ import annotations

import contextlib
import io
import logging
from typing import TYPE_CHECKING, Any, Optional

import urllib3.exceptions
from botocore import exceptions

from teleport_bootstrap import errors
from teleport_bootstrap.aws import failures, s3

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

logger = logging.getLogger(__name__)

_BUFFER = 1024 * 1024
# All that reading from a connection raises, in the botocores that wrap it and in those that do not.
_DROPPED = (exceptions.BotoCoreError, urllib3.exceptions.HTTPError, OSError)


class Download(io.BufferedReader):
    """A binary stream to read from front to back. `size` in bytes and `etag` are those of the version that is read.

    Reading raises what s3.Bucket's methods raise, and ObjectChanged when that version is there no more.
    """

    def __init__(self, bucket: s3.Bucket, key: str, if_match: Optional[str]) -> None:
        """Begin the download. Raises what s3.Bucket's methods raise, ObjectMissing, and ObjectChanged."""
        connection = _Connection(bucket, key, if_match)
        self.size = connection.size
        self.etag = connection.etag
        super().__init__(connection, _BUFFER)


class _Connection(io.RawIOBase):
    """The answers to as many GETs as it takes, one after the other."""

    def __init__(self, bucket: s3.Bucket, key: str, if_match: Optional[str]) -> None:
        super().__init__()
        self._bucket = bucket
        self._key = key
        self._at = 0
        self._body: Any = None
        self.etag = if_match
        self.size = 0
        self._connect()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        into = memoryview(buffer).cast("B")
        wanted = min(len(into), self.size - self._at)
        if not wanted:
            return 0
        data = self._read(wanted)
        into[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _read(self, wanted: int) -> bytes:
        """Return some of the next `wanted` bytes; at least one."""
        try:
            return self._some(wanted)
        except _DROPPED as error:
            logger.debug("the download of %s broke off at byte %d: %s", self._bucket.url(self._key), self._at, error)
        # A new deadline for each byte of progress, and none for trying without any.
        return self._bucket.perform("s3:GetObject", self._key, lambda: self._again(wanted))

    def _again(self, wanted: int) -> bytes:
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

    def _connect(self) -> None:
        self._bucket.perform("s3:GetObject", self._key, self._request)

    def _request(self) -> None:
        """Ask for all from where we are. The first answer tells what is there, the others have to fit."""
        begun = self._at > 0
        options = {} if self.etag is None else {"IfMatch": f'"{self.etag}"'}
        if begun:
            options["Range"] = f"bytes={self._at}-"
        answer = self._bucket.client.get_object(**self._bucket.named(self._key), **options)
        etag, length = s3.with_etag(answer), int(answer["ContentLength"])
        if (
            begun
            and etag == self.etag
            and answer.get("ContentRange") == f"bytes {self._at}-{self.size - 1}/{self.size}"
        ):
            self._body = answer["Body"]
            return
        if begun or (self.etag is not None and etag != self.etag):
            # Also where the service, or something in between, does not know ranges or conditions.
            answer["Body"].close()
            raise errors.ObjectChanged(
                f"{self._bucket.url(self._key)} was replaced while it was read, or its parts cannot be had",
                hint="Try again, when nothing else writes there.",
            )
        self._body, self.etag, self.size = answer["Body"], etag, length

    def _drop(self) -> None:
        if self._body is not None:
            with contextlib.suppress(*failures.RAISED):
                self._body.close()
        self._body = None
