"""A server on loopback that answers as no honest server does: drop by drop, in a wrong form, or without an end.

    with HostileServer(DRIPS["chunk"]) as server:                       # whatever is asked
        ...                                                             # server.url, server.seen

    with HostileServer(DRIPS["body"], upstream=aws.url, when=lambda seen: seen.operation == "GetItem") as server:
        ...                                                             # all other requests are passed on

A fault is a function that gets a `Peer` and sends what it likes. `DRIPS` has one for each place of an answer that can
come byte by byte, `ODD` one for each wrong form of an answer with status 200, and `mutated` makes more of them from a
good answer of `upstream`. `NeverAccepts` is a port that takes no connection. Nothing here sends for longer than
`LONGEST_SECONDS`, or more than `HUGE_BYTES`.
"""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

LONGEST_SECONDS = 90.0
# One byte in each; shorter than the read timeout of any client, so that no such timeout ends the exchange.
DRIP_SECONDS = 0.2
HUGE_BYTES = 256 * 1024 * 1024

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_BODY_KEPT = 64 * 1024


@dataclass(frozen=True)
class Seen:
    """A request as it came; `operation` is AWS's name of it, for S3 and the metadata service method and path."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def operation(self) -> str:
        target = self.headers.get("x-amz-target", "").rpartition(".")[2]
        action = re.search(rb"(?:^|&)Action=(\w+)", self.body)
        return target or (action.group(1).decode() if action else f"{self.method} {self.path}")


@dataclass
class Peer:
    """The other side of one request: what it asked, the good answer where there is an upstream, and ways to answer."""

    connection: socket.socket
    seen: Seen
    ended: threading.Event
    upstream: str = ""

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def drip(self, data: bytes, seconds: float = DRIP_SECONDS) -> None:
        """Send one byte after the other, until the client or the test has had enough."""
        for each in data:
            if self.ended.wait(seconds):
                return
            self.send(bytes([each]))

    def hang(self) -> None:
        """Say nothing more, and keep the connection."""
        self.ended.wait(LONGEST_SECONDS)

    def good(self) -> tuple[int, dict[str, str], bytes]:
        """Return the status, headers and body that the upstream gives to this request."""
        parts = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        try:
            headers = {name: value for name, value in self.seen.headers.items() if name != "expect"}
            connection.request(self.seen.method, self.seen.path, self.seen.body, headers)
            answer = connection.getresponse()
            content = answer.read()
            headers = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            if self.seen.method == "HEAD":
                headers["content-length"] = answer.getheader("Content-Length", "0")
            return answer.status, headers, content
        finally:
            connection.close()

    def forward(self) -> None:
        """Give the upstream's answer."""
        status, headers, content = self.good()
        self.send(answer(content, status=status, headers=headers))


Fault = Callable[[Peer], None]


def answer(
    body: bytes = b"",
    *,
    status: int = 200,
    headers: Optional[dict[str, str]] = None,
    length: Optional[str] = "",
    kind: str = "application/x-amz-json-1.1",
) -> bytes:
    """Return an answer in HTTP; `length` is the text of its Content-Length, "" for the right one, None for none."""
    every = {"content-type": kind, "x-amzn-requestid": "00000000-0000-0000-0000-000000000000", **(headers or {})}
    if length is not None:
        every.setdefault("content-length", length or str(len(body)))
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in every.items()), "Connection: close"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class HostileServer:
    """Gives `fault` to each request that `when` chooses, and to all others what `upstream`, a URL, answers.

    With `tls`, a context for the server's side, it speaks HTTPS, and with `before_tls` it does that instead of the
    handshake. It also takes the place of a proxy: CONNECT is a request as any other.
    """

    def __init__(
        self,
        fault: Fault,
        *,
        upstream: str = "",
        when: Callable[[Seen], bool] = lambda _: True,
        tls: Optional[ssl.SSLContext] = None,
        before_tls: Optional[Callable[[socket.socket, threading.Event], None]] = None,
    ) -> None:
        self.fault = fault
        self.when = when
        self.seen: list[Seen] = []
        self._upstream = upstream
        self._tls = tls
        self._before_tls = before_tls
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls or self._before_tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> HostileServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            connection.settimeout(LONGEST_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._before_tls is not None:
                self._before_tls(connection, self._ended)
                return
            if self._tls is not None:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(65536)
            if not more or len(head) > 1024 * 1024:
                return
            head += more
        head, _, body = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path = first.split(" ")[:2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        seen = Seen(method, path, headers, body)
        if self.fault in (DRIPS["request"],) and self.when(seen):
            self.seen.append(seen)
            self.fault(Peer(connection, seen, self._ended, self._upstream))
            return
        if headers.get("expect") == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        left = int(headers.get("content-length") or 0) - len(body)
        while left > 0:
            more = connection.recv(min(left, 65536))
            if not more:
                return
            left -= len(more)
            if self._upstream or len(body) < _BODY_KEPT:
                body += more
        seen = Seen(method, path, headers, body)
        self.seen.append(seen)
        peer = Peer(connection, seen, self._ended, self._upstream)
        if self.when(seen):
            self.fault(peer)
        else:
            peer.forward()


class NeverAccepts:
    """A port whose queue of connections is full, so that the kernel takes no more; `url` leads there."""

    def __enter__(self) -> NeverAccepts:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._queue = []
        for _ in range(4):
            each = socket.socket()
            each.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                each.connect(("127.0.0.1", self.port))
            self._queue.append(each)
        time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self._queue, self._listener):
            each.close()


_LONG = b"a" * 100_000
_CHUNKED = answer(length=None, headers={"transfer-encoding": "chunked"})


def _drip_after(start: bytes, data: bytes = _LONG) -> Fault:
    def fault(peer: Peer) -> None:
        peer.send(start)
        peer.drip(data)

    return fault


def _continues(peer: Peer) -> None:
    for _ in range(int(LONGEST_SECONDS / DRIP_SECONDS)):
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if peer.ended.wait(DRIP_SECONDS):
            return


def _reads_slowly(peer: Peer) -> None:
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    if "expect" in peer.seen.headers:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    end = time.monotonic() + LONGEST_SECONDS
    while not peer.ended.wait(DRIP_SECONDS) and time.monotonic() < end and peer.connection.recv(1):
        pass


# Each place of an exchange in which a peer can keep the other side waiting without ever being silent for long.
DRIPS: dict[str, Fault] = {
    "silence": lambda peer: peer.hang(),
    "status line": _drip_after(b"HTTP/1.1 20", b"0" * 100_000),
    "header": _drip_after(b"HTTP/1.1 200 OK\r\nX-Long: "),
    "continue": _continues,
    "body": _drip_after(answer(length="100000")),
    "body without length": _drip_after(answer(length=None)),
    "chunk size": _drip_after(_CHUNKED, b"0" * 100_000),
    "chunk": _drip_after(_CHUNKED + b"186a0\r\n"),
    "trailer": _drip_after(_CHUNKED + b"2\r\n{}\r\n0\r\nX-Long: "),
    "error body": _drip_after(answer(status=400, length="100000")),
    "error 500 body": _drip_after(answer(status=500, length="100000")),
    "request": _reads_slowly,
}


def silent_handshake(connection: socket.socket, ended: threading.Event) -> None:
    """Take the client's greeting of TLS, and answer nothing."""
    ended.wait(LONGEST_SECONDS)


def dripping_handshake(connection: socket.socket, ended: threading.Event) -> None:
    """Begin a message of TLS's handshake that never becomes complete."""
    connection.sendall(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")
    while not ended.wait(DRIP_SECONDS):
        connection.sendall(b"\x03")


def _sends(data: bytes) -> Fault:
    return lambda peer: peer.send(data)


def _pours(start: bytes, piece: bytes) -> Fault:
    def fault(peer: Peer) -> None:
        peer.send(start)
        for _ in range(HUGE_BYTES // len(piece)):
            if peer.ended.is_set():
                return
            peer.send(piece)

    return fault


_MIB = b" " * 1024 * 1024
_JSON = b'{"ResponseMetadata": {}}'

# Bodies that a client may be given with status 200 in place of the one it asked for.
ODD_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "list of lists": b"[[], [1]]",
    "string": b'"text"',
    "number": b"5",
    "boolean": b"true",
    "not a number": b"NaN",
    "infinite": b"1e999",
    "empty object": b"{}",
    "unknown object": b'{"hello": "world"}',
    "same key twice": b'{"a": 1, "a": {"a": []}}',
    "deep list": b"[" * 20_000,
    "deep object": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "cut off": b'{"Parameters": [{"Name": "/t',
    "not UTF-8": b'{"a": "\xff\xfe\x80"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "zeros": b"\0" * 1000,
    "page": b"<!DOCTYPE html>\n<html><body>Welcome to the hotel's network</body></html>",
    "other XML": b'<?xml version="1.0"?><Hello xmlns="urn:x"><World/></Hello>',
    "cut off XML": b'<?xml version="1.0"?><ListBucketResult><Contents><Key>',
    "deep XML": b"<a>" * 20_000,
    "long line": b"x" * 300_000,
}

# Answers that are wrong in their form, or larger than any that is expected.
ODD_FORMS: dict[str, Fault] = {
    "no length": _sends(answer(_JSON, length=None)),
    "length of letters": _sends(answer(_JSON, length="many")),
    "negative length": _sends(answer(_JSON, length="-1")),
    "long length": _sends(answer(_JSON, length="9" * 400)),
    "too large length": _sends(answer(_JSON, length="1000")),
    "too small length": _sends(answer(_JSON, length="1")),
    "chunk size of letters": _sends(_CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "negative chunk size": _sends(_CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n"),
    "chunk without end": _sends(_CHUNKED + b"ff\r\n{}"),
    "said to be compressed": _sends(answer(_JSON, headers={"content-encoding": "gzip"})),
    "other kind": _sends(answer(_JSON, kind="image/png")),
    "status 204": _sends(answer(status=204)),
    "status 206": _sends(answer(_JSON, status=206, headers={"content-range": "bytes 7-9/100"})),
    "status 302": _sends(answer(status=302, headers={"location": "http://127.0.0.1:1/"})),
    "status 307": _sends(answer(status=307, headers={"location": "http://127.0.0.1:1/"})),
    "status 999": _sends(answer(_JSON, status=999)),
    "not HTTP": _sends(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "HTTP of letters": _sends(b"HTTP/1.1 abc\r\n\r\n"),
    "nothing at all": lambda peer: None,
    "many headers": _sends(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n"),
    "odd headers": _sends(answer(_JSON, headers={"date": "Mon, 99 Foo 99999 99:99:99 +99999999999", "x-\x7f": "\xff"})),
    "large body": _pours(answer(length=str(HUGE_BYTES)), _MIB),
    "large body without length": _pours(answer(length=None), _MIB),
    "large chunks": _pours(_CHUNKED, b"100000\r\n" + _MIB + b"\r\n"),
    "large error": _pours(answer(status=400, length=str(HUGE_BYTES)), _MIB),
    "large status line": _pours(b"HTTP/1.1 200 ", _MIB),
    "large header": _pours(b"HTTP/1.1 200 OK\r\nX-Long: ", _MIB),
    "large chunk size": _pours(_CHUNKED, b"0" * 1024 * 1024),
}

ODD: dict[str, Fault] = {**{name: _sends(answer(body)) for name, body in ODD_BODIES.items()}, **ODD_FORMS}

# What takes the place of a value in `mutants`.
NAN, INFINITE = float("nan"), float("inf")
ODD_VALUES: tuple[Any, ...] = (None, True, 5, -1.5, NAN, INFINITE, "", "x\x1b[31m\n", [], [[]], {}, {"a": 1})


def mutants(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield copies of `document`, in each of which one value was replaced by one of ODD_VALUES or is missing."""
    for path in _paths(document):
        for value in (*ODD_VALUES, _MISSING):
            if path or value is not _MISSING:
                shown = f"{'.'.join(map(str, path)) or 'all'} = {'missing' if value is _MISSING else repr(value)}"
                yield shown, _replaced(document, path, value)


_MISSING = object()


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from _paths(each, (*path, key))


def _replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = copy.deepcopy(document)
    place = made
    for key in path[:-1]:
        place = place[key]
    if value is _MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


def mutated(change: Callable[[Any], Any]) -> Fault:
    """Return the fault that gives the upstream's answer, a JSON document, as `change` returns it."""

    def fault(peer: Peer) -> None:
        status, headers, content = peer.good()
        peer.send(answer(json.dumps(change(json.loads(content))).encode(), status=status, headers=headers))

    return fault
