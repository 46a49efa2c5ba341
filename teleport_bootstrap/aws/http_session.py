"""What sends botocore's requests: its own session, with a limit of time, and of the bytes that an answer may have.

botocore reads the whole of every answer before it looks at it. An answer that is larger than any that was asked for, or
that no parser should see, raises NotAnAnswer here, as a page of a proxy does.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
from collections.abc import Iterator
from typing import Any

import urllib3.exceptions
from botocore import exceptions

from teleport_bootstrap import json_data
from teleport_bootstrap.aws import failures
from teleport_bootstrap.host import http_connection, time_limit

# The largest answers, in bytes, that anyone asks for: ten parameters of 8 KiB each, every character of them escaped.
LARGEST = 1024 * 1024
# A page of S3's lists: a thousand keys of 1024 bytes each, percent-encoded.
LARGEST_OF_S3 = 4 * 1024 * 1024
LARGEST_ERROR = 64 * 1024
# A thousand objects have half of that. A tree of them takes much more memory than its text.
_MOST_TAGS = 60_000

_ENCODING = re.compile(rb"""<\?xml[^>]*\sencoding\s*=\s*["']([^"']*)""")
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_READING = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


class Session:
    """Takes the place of botocore's URLLib3Session `session`, and sends through it.

    `piece_seconds` is how long each piece of a streamed body may take to arrive. Any other body of a good answer has
    at most `largest` bytes, and with `is_json` it is a JSON object: botocore reads all else as an empty answer.
    """

    def __init__(self, session: Any, *, piece_seconds: float, largest: int, is_json: bool) -> None:
        self._session = session
        self._largest = largest
        self._is_json = is_json
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
        largest = self._largest if answer.status_code < 300 else LARGEST_ERROR
        answer.raw = Body(answer.raw, self._piece_seconds, largest)
        if not streams:
            content = answer.content  # which it keeps
            if answer.status_code < 300 and self._is_json and not _is_object(content):
                raise failures.NotAnAnswer
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
        if not is_harmless(bytes(found)):
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


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(json_data.parsed(content.decode("utf-8")), dict)
    except ValueError:
        return False


def is_harmless(body: bytes) -> bool:
    """Whether a parser may see `body`: no XML that declares entities, as no service does, or with too many elements.

    Parsers of older distributions expand entities without a bound. An encoding that is not UTF-8 could hide them.
    """
    if b"\0" in body or body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False  # UTF-16, or nothing that can be read
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"<"):
        return True
    encoding = _ENCODING.match(start)
    if encoding is not None and encoding[1].lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii"):
        return False
    return _DECLARATION.search(body) is None and body.count(b"<") <= _MOST_TAGS
