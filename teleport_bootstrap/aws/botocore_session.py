"""What sends botocore's requests: its own session, with a limit of time, and of the bytes that an answer may have.

botocore reads the whole of every answer before it looks at it. An answer that is larger than any that was asked for, or
that no parser should see, raises NotAnAnswer here, as a page of a proxy does.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator

import urllib3.exceptions
from botocore import exceptions

from teleport_bootstrap.aws import answers, failures
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import http_connection, time_limit

_READING = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


class Session:
    """Takes the place of botocore's URLLib3Session `session`, and sends through it.

    `piece_seconds` is how long each piece of a streamed body may take to arrive. Any other body of a good answer has
    at most answers.LARGEST_OF_S3 bytes.
    """

    def __init__(self, session: Any, *, piece_seconds: float) -> None:
        self._session = session
        self._piece_seconds = piece_seconds
        classes = session._pool_classes_by_scheme
        # Changed in place: its pool managers, also those for proxies, share this table.
        classes.update(http_connection.pools(classes["http"], classes["https"]))

    def send(self, request: Any) -> Any:
        """Return the answer; its body is complete unless the operation streams it. Raises as botocore's own does."""
        streams = request.stream_output
        request.stream_output = True  # only so that it does not read the body
        try:
            answer = self._session.send(request)
        finally:
            request.stream_output = streams
        largest = answers.LARGEST_OF_S3 if answer.status_code < 300 else answers.LARGEST_ERROR
        answer.raw = Body(answer.raw, self._piece_seconds, largest)
        if not streams:
            _ = answer.content  # which it keeps
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class Body:
    """The body of an answer, in place of urllib3's response."""

    def __init__(self, raw: Any, piece_seconds: float, largest: int) -> None:
        self._raw = raw
        self._piece_seconds = piece_seconds
        self._largest = largest
        limit = time_limit.current()
        self._connections: list[socket.socket] = [] if limit is None else limit.copies()

    def read(self, amt: int | None = None) -> bytes:
        """Return at most `amt` bytes, by default 1 MiB; fewer do not mean the end, but none do.

        Each time_limit.PIECE_BYTES may take the seconds of a piece. Raises what the connection raises, and TimeUp.
        """
        found = bytearray()
        most = 1024 * 1024 if amt is None else amt
        try:
            with time_limit.Limit(self._piece_seconds) as limit:
                for each in self._connections:
                    limit.watch(each)
                while len(found) < most:
                    part = self._raw.read(min(time_limit.PIECE_BYTES, most - len(found)))
                    if not part:
                        break
                    found += part
                    if len(part) == time_limit.PIECE_BYTES:
                        limit.restart()
        except Exception:
            if len(found) < time_limit.PIECE_BYTES:
                raise
            # What is complete counts; the next read fails.
        return bytes(found)

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """Yield the whole body of an answer that is not streamed. Raises NotAnAnswer, and as botocore's session does.

        The limit of time is that of the caller, for all of it.
        """
        found = bytearray()
        try:
            for part in self._raw.stream(time_limit.PIECE_BYTES, decode_content=False):
                found += part
                if len(found) > self._largest:
                    raise failures.NotAnAnswer
        except _READING as error:
            raise exceptions.HTTPClientError(error=error) from None
        finally:
            if len(found) > self._largest:
                self._raw.close()
            self._release()
        if not answers.is_harmless(bytes(found)):
            raise failures.NotAnAnswer
        yield bytes(found)

    def close(self) -> None:
        """Close the connection, unless it can be used again."""
        self._release()
        self._raw.close()

    def _release(self) -> None:
        while self._connections:
            with contextlib.suppress(OSError):
                self._connections.pop().close()

    def __del__(self) -> None:
        self._release()
