"""A relay in front of a service, on loopback: it notes each exchange, and spoils the one that it is told to."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

from tests.simulated.faults.names import without_chance

DRIP_SECONDS = 0.4
GIBIBYTE = 1024**3
# A fault never lasts longer, whatever the client does.
_LONGEST_SECONDS = 90.0
# How long a service is away where it is refused once.
_AWAY_SECONDS = 0.7
ONCE, ALWAYS = "once", "always"


@dataclass(frozen=True)
class Place:
    """An exchange: what was asked, and how often that had been asked by then, this one included."""

    what: str
    number: int

    @property
    def service(self) -> str:
        return self.what.partition(" ")[0]

    def __str__(self) -> str:
        return f"{self.what} #{self.number}"


@dataclass(frozen=True)
class Plan:
    """Spoil the exchange `place` with `fault`; with `ALWAYS`, every later one of the same service too."""

    place: Place
    fault: str
    mode: str
    # Whether it is the first exchange of all, so that a service that is away was never there.
    is_first: bool = False


@dataclass
class Answered:
    """What the service answered."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def head(self, length: Optional[str] = None, more: str = "") -> bytes:
        """Return status line and header, with the true length or with `length`, or with "" without one."""
        given = str(len(self.body)) if length is None else length
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{name}: {value}" for name, value in self.headers)]
        lines += [f"Content-Length: {given}"] if given else []
        return ("\r\n".join(lines) + "\r\n" + more + "\r\n").encode("latin-1")


class Relay:
    """Relays to `upstream`; `url` is where it listens."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.exchanges: list[Place] = []
        self.strayed: list[str] = []
        self.plan: Optional[Plan] = None
        self.times_spoiled = 0
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        # Holds the port while nothing listens there: a socket that is bound alone refuses connections.
        self._bound = _bind(0)
        self.port = int(self._bound.getsockname()[1])
        self._server: Optional[ThreadingHTTPServer] = None
        self._generation = 0
        self._trap = socket.create_server(("127.0.0.1", 0))
        self.trap_port = int(self._trap.getsockname()[1])
        threading.Thread(target=self._catch, daemon=True).start()
        self.listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self, plan: Optional[Plan] = None) -> None:
        """Forget what was; from now on do as `plan` says."""
        with self._lock:
            self._generation += 1
            self.exchanges, self.strayed, self._counts = [], [], {}
            self.plan, self.times_spoiled = plan, 0
        self.listen()
        if plan and plan.fault == "refused" and plan.is_first:
            self.refuse(plan.mode)

    def close(self) -> None:
        self.refuse(ALWAYS)
        self._bound.close()
        self._trap.close()

    def listen(self) -> None:
        if self._server is not None:
            return
        listener = _bind(self.port)
        listener.listen(128)
        handler = type("Handler", (_Handler,), {"relay": self})
        server = _Listener(("127.0.0.1", self.port), handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def refuse(self, mode: str) -> None:
        """Refuse connections; where it is to happen once, for a moment."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.socket.close()
        self.times_spoiled += 1
        if mode == ONCE:
            timer = threading.Timer(_AWAY_SECONDS, self._return, [self._generation])
            timer.daemon = True
            timer.start()

    def _return(self, generation: int) -> None:
        if generation == self._generation:
            self.listen()

    def fault_of(self, what: str) -> Optional[str]:
        """Note the exchange, and return the fault that it is to have."""
        with self._lock:
            number = self._counts[what] = self._counts.get(what, 0) + 1
            place = Place(what, number)
            self.exchanges.append(place)
            plan = self.plan
            if plan is None or plan.place.service != place.service:
                return None
            if place != plan.place and not (plan.mode == ALWAYS and self.times_spoiled):
                return None
            self.times_spoiled += 1
            return plan.fault

    def _catch(self) -> None:
        """Note what is sent to where a redirect leads."""
        while True:
            try:
                connection, _ = self._trap.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(2)
                self.strayed.append(connection.recv(65536).decode("latin-1"))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _bind(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that leave early are what is tested


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    relay: Relay

    def log_message(self, *arguments: Any) -> None:
        pass

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        what = _what(self.command, self.path, self.headers, body)
        name = self.relay.fault_of(what)
        fault = FAULTS[name] if name else None
        if name == "refused":
            self.relay.refuse(self.relay.plan.mode if self.relay.plan else ONCE)
            self.reset()
            return
        answer = None
        if fault is None or fault.is_answered:
            answer = self._forward(body)
        with contextlib.suppress(OSError):
            if fault is None:
                assert answer is not None
                self.say(answer.head() + (b"" if self.command == "HEAD" else answer.body))
                return
            self.close_connection = True
            fault.spoil(Exchange(self, what.partition(" ")[0], answer))

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _any  # noqa: N815

    def _forward(self, body: bytes) -> Answered:
        connection = http.client.HTTPConnection(*self.relay.upstream, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            left_out = {"connection", "transfer-encoding", "content-length", "keep-alive"}
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in left_out]
            if self.command == "HEAD":
                # The length of what a GET would have.
                kept.append(("Content-Length", answer.getheader("Content-Length", "0")))
                return _Head(answer.status, answer.reason, kept, b"")
            return Answered(answer.status, answer.reason, kept, content)
        finally:
            connection.close()

    def say(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reset(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Its files hold the socket open otherwise.
            self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()


class _Head(Answered):
    def head(self, length: Optional[str] = None, more: str = "") -> bytes:
        return super().head("" if length is None else length, more)


def _what(method: str, path: str, headers: Any, body: bytes) -> str:
    """Return what a request asks, without what differs from run to run."""
    signed = re.search(r"Credential=[^/]+/[0-9]{8}/[^/]+/([^/]+)/", headers.get("Authorization", ""))
    if path.startswith("/latest/") and not signed:
        return f"IMDS {method} {path[len('/latest/') :].replace('meta-data/', '')}"
    service = (signed.group(1) if signed else "unsigned").upper()
    operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
    if not operation:
        found = re.search(rb"(?:^|&)Action=(\w+)", body)
        operation = found.group(1).decode() if found else ""
    if not operation:
        place, _, query = path.partition("?")
        kept = [each if each.startswith("partNumber") else each.partition("=")[0] for each in query.split("&") if each]
        operation = f"{method} {without_chance(place)}" + (f"?{'&'.join(kept)}" if kept else "")
    return f"{service} {operation}"


# ---------------------------------------------------------------- the faults


class Exchange:
    """One exchange that is spoiled: how to say something to the client, and when to stop."""

    def __init__(self, handler: _Handler, service: str, answer: Optional[Answered]) -> None:
        self.handler = handler
        self.service = service
        self.trap_port = handler.relay.trap_port
        self.method = handler.command
        self._answer = answer
        self._end = time.monotonic() + _LONGEST_SECONDS

    @property
    def answer(self) -> Answered:
        assert self._answer is not None
        return self._answer

    def say(self, data: bytes) -> None:
        self.handler.say(data)

    def reset(self) -> None:
        time.sleep(0.05)  # a reset would also take away what the client has not read yet
        self.handler.reset()

    def is_over(self) -> bool:
        """Whether the client has left."""
        if time.monotonic() > self._end:
            return True
        connection = self.handler.connection
        try:
            readable = select.select([connection], [], [], 0)[0]
            return bool(readable) and not connection.recv(65536, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def wait(self) -> None:
        while not self.is_over():
            time.sleep(0.1)

    def drip(self, pieces: Iterator[bytes]) -> None:
        """Say one piece, again and again, until there are no more or the client leaves."""
        for piece in pieces:
            if self.is_over():
                return
            self.say(piece)
            time.sleep(DRIP_SECONDS)
        self.wait()

    def flood(self, piece: bytes, most: int) -> None:
        said = 0
        self.handler.connection.settimeout(_LONGEST_SECONDS)
        while said < most and time.monotonic() < self._end:
            self.say(piece)
            said += len(piece)

    def answer_with(self, status: int, body: bytes, kind: str = "application/x-amz-json-1.1", more: str = "") -> None:
        headers = [("Content-Type", kind), ("Connection", "close")]
        made = Answered(status, http.client.responses.get(status, "X"), headers, body)
        self.say(made.head(more=more) + (b"" if self.method == "HEAD" else body))

    def aws_error(self, code: str, message: str, status: int = 400) -> None:
        """Answer with an error as the service writes it."""
        inner = f"<Code>{code}</Code><Message>{message}</Message>"
        if self.service in ("SSM", "DYNAMODB"):
            self.answer_with(status, json.dumps({"__type": f"com.amazonaws#{code}", "message": message}).encode())
        elif self.service == "S3":
            self.answer_with(status, f"<Error>{inner}<RequestId>0</RequestId></Error>".encode(), "application/xml")
        elif self.service == "EC2":
            text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>0</RequestID></Response>"
            self.answer_with(status, text.encode(), "text/xml")
        else:
            self.answer_with(status, f"{code}: {message}".encode(), "text/plain")


@dataclass(frozen=True)
class Fault:
    """How to spoil an exchange; `is_answered` lets the service do what is asked before."""

    spoil: Callable[[Exchange], None]
    is_answered: bool = False
    # The services that can have it, by default all.
    services: tuple[str, ...] = ()
    # Whether the answer cannot be told from a good one, so that the command may go on with it.
    is_plausible: bool = False


def _bytes(text: bytes) -> Iterator[bytes]:
    return (text[index : index + 1] for index in range(len(text)))


def _endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def _after(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from rest


def _drip_status(exchange: Exchange) -> None:
    exchange.drip(_bytes(b"HTTP/1.1 200 " + b"O" * 10_000))


def _drip_header(exchange: Exchange) -> None:
    exchange.drip(_after(b"HTTP/1.1 200 OK\r\n", _bytes(b"".join(b"X-%d: 1\r\n" % n for n in range(10_000)))))


def _drip_body(exchange: Exchange) -> None:
    answer = exchange.answer
    padded = answer.body + b" " * 10_000
    exchange.drip(_after(answer.head(str(len(padded))), _bytes(padded)))


def _drip_chunks(exchange: Exchange) -> None:
    head = exchange.answer.head("", "Transfer-Encoding: chunked\r\n")
    exchange.drip(_after(head, (b"1\r\n%c\r\n" % byte for byte in exchange.answer.body + b" " * 10_000)))


def _drip_chunk_length(exchange: Exchange) -> None:
    head = exchange.answer.head("", "Transfer-Encoding: chunked\r\n")
    exchange.drip(_after(head + b"1;", _endless(b"x")))


def _drip_trailer(exchange: Exchange) -> None:
    body = exchange.answer.body
    head = exchange.answer.head("", "Transfer-Encoding: chunked\r\n")
    exchange.drip(_after(head + b"%x\r\n%s\r\n0\r\nX: " % (len(body), body), _endless(b"x")))


def _drip_error(exchange: Exchange) -> None:
    made = Answered(503, "Service Unavailable", [("Content-Type", "text/plain")], b"x" * 10_000)
    exchange.drip(_after(made.head(), _bytes(made.body)))


def _reset_in_the_middle(exchange: Exchange) -> None:
    body = exchange.answer.body
    exchange.say(exchange.answer.head() + body[: len(body) // 2])
    exchange.reset()


def _cut(exchange: Exchange) -> None:
    body = exchange.answer.body
    exchange.say(exchange.answer.head(str(len(body) + 1000)) + body[: max(1, len(body) // 2)])


def _status(status: int) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.answer_with(status, b"simulated", "text/plain")


def _error(code: str, message: str, status: int = 400) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.aws_error(code, message, status)


def _body(body: bytes, kind: str = "application/x-amz-json-1.1") -> Callable[[Exchange], None]:
    return lambda exchange: exchange.answer_with(200, body, kind)


def _with_other_types(value: Any) -> Any:
    """Return a JSON value in which everything that is not a container has another type."""
    if isinstance(value, dict):
        return {name: _with_other_types(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_other_types(each) for each in value]
    return [] if isinstance(value, str) else "text"


def _with_flat_containers(value: Any) -> Any:
    return dict.fromkeys(value, 7) if isinstance(value, dict) else 7


def _json_changed(change: Callable[[Any], Any]) -> Callable[[Exchange], None]:
    def spoil(exchange: Exchange) -> None:
        try:
            body = json.dumps(change(json.loads(exchange.answer.body))).encode()
        except ValueError:
            body = b'<?xml version="1.0"?><Other><Contents>1</Contents><Size>x</Size></Other>'
        exchange.answer_with(200, body, dict(exchange.answer.headers).get("Content-Type", "text/plain"))

    return spoil


def _bad_utf8(exchange: Exchange) -> None:
    body = exchange.answer.body
    middle = len(body) // 2
    spoiled = body[:middle] + b"\xff\xfe\xc0\x80" + body[middle:]
    kind = dict(exchange.answer.headers).get("Content-Type", "text/plain")
    exchange.answer_with(200, spoiled, kind)


def _length(text: str) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.say(exchange.answer.head(text) + exchange.answer.body)


def _too_long(exchange: Exchange) -> None:
    exchange.say(exchange.answer.head(str(GIBIBYTE)) + exchange.answer.body)
    exchange.flood(b" " * 65536, GIBIBYTE - len(exchange.answer.body))


def _endless_chunks(exchange: Exchange) -> None:
    exchange.say(exchange.answer.head("", "Transfer-Encoding: chunked\r\n"))
    exchange.flood(b"10000\r\n" + b" " * 65536 + b"\r\n", 2 * GIBIBYTE)


def _endless_headers(exchange: Exchange) -> None:
    exchange.say(b"HTTP/1.1 200 OK\r\n")
    exchange.flood(b"X-Y: " + b"z" * 60_000 + b"\r\n", GIBIBYTE)


def _endless_status(exchange: Exchange) -> None:
    exchange.say(b"HTTP/1.1 200 ")
    exchange.flood(b"O" * 65536, GIBIBYTE)


def _endless_error(exchange: Exchange) -> None:
    made = Answered(500, "Internal Server Error", [("Content-Type", "application/xml")], b"")
    exchange.say(made.head(str(GIBIBYTE)) + b"<Error><Code>")
    exchange.flood(b"x" * 65536, GIBIBYTE)


def _redirect(status: int) -> Callable[[Exchange], None]:
    def spoil(exchange: Exchange) -> None:
        made = Answered(
            status,
            "Elsewhere",
            [("Location", f"http://127.0.0.1:{exchange.trap_port}/x"), ("Connection", "close")],
            b"",
        )
        exchange.say(made.head())

    return spoil


def _noise(exchange: Exchange) -> None:
    exchange.say(random.Random(7).randbytes(4096))


_KMS = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000001"
_KMS_DENIED = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not "
    "allowed to access. (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; Request ID: 0)"
)
_KMS_STATE = "{arn} is {state}. (Service: AWSKMS; Status Code: 400; Error Code: {code}; Request ID: 0)"
_JSON = ("SSM", "DYNAMODB")
_HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Welcome to the hotel</body></html>\n"
_ESCAPES = "\x1b[2J\x1b]0;title\x07\nteleport-bootstrap: all is done\r\u202e"

FAULTS: dict[str, Fault] = {
    "refused": Fault(lambda exchange: None),
    "hangs": Fault(lambda exchange: exchange.wait()),
    "closes": Fault(lambda exchange: None),
    "loses the answer": Fault(lambda exchange: None, True),
    "hangs with the answer": Fault(lambda exchange: exchange.wait(), True),
    "drips the status line": Fault(_drip_status),
    "drips the header": Fault(_drip_header),
    "drips the body": Fault(_drip_body, True),
    "drips chunks": Fault(_drip_chunks, True),
    "drips the length of a chunk": Fault(_drip_chunk_length, True),
    "drips the trailer": Fault(_drip_trailer, True, is_plausible=True),
    "drips an error": Fault(_drip_error),
    "resets": Fault(lambda exchange: exchange.reset()),
    "resets in the middle": Fault(_reset_in_the_middle, True),
    "cut short": Fault(_cut, True),
    "400": Fault(_status(400)),
    "401": Fault(_status(401)),
    "403": Fault(_status(403)),
    "404": Fault(_status(404), is_plausible=True),
    "418": Fault(_status(418)),
    "429": Fault(_status(429)),
    "500": Fault(_status(500)),
    "503": Fault(_status(503)),
    "denied": Fault(_error("AccessDeniedException", "not authorized to perform: x:Y on resource: z"), services=_JSON),
    "denied by S3": Fault(_error("AccessDenied", "Access Denied", 403), services=("S3",)),
    "throttled": Fault(_error("ThrottlingException", "Rate exceeded"), services=_JSON),
    "throttled by S3": Fault(_error("SlowDown", "Please reduce your request rate.", 503), services=("S3",)),
    "throttled by EC2": Fault(_error("RequestLimitExceeded", "Request limit exceeded.", 503), services=("EC2",)),
    "over its limit": Fault(_error("ProvisionedThroughputExceededException", "x"), services=("DYNAMODB",)),
    "internal error": Fault(_error("InternalServerError", "An error occurred", 500), services=_JSON),
    "unknown error": Fault(_error("SomethingNewException", _ESCAPES)),
    "expired": Fault(_error("ExpiredTokenException", "The security token included in the request is expired")),
    "key denied": Fault(_error("AccessDeniedException", _KMS_DENIED), services=("SSM",)),
    "key disabled": Fault(
        _error("InvalidKeyId", _KMS_STATE.format(arn=_KMS, state="disabled", code="DisabledException")),
        services=("SSM",),
    ),
    "key pending deletion": Fault(
        _error("InvalidKeyId", _KMS_STATE.format(arn=_KMS, state="pending deletion", code="KMSInvalidStateException")),
        services=("SSM",),
    ),
    "key invalid": Fault(_error("KMSInvalidStateException", f"{_KMS} is pending deletion."), services=("SSM",)),
    "key denied by S3": Fault(
        _error("AccessDenied", f"not authorized to perform: kms:GenerateDataKey on resource: {_KMS}", 403),
        services=("S3",),
    ),
    "a page": Fault(_body(_HTML, "text/html"), is_plausible=True),
    "null": Fault(_body(b"null"), is_plausible=True),
    "a list": Fault(_body(b"[]"), is_plausible=True),
    "a string": Fault(_body(b'"text"'), is_plausible=True),
    "a number": Fault(_body(b"7"), is_plausible=True),
    "an empty object": Fault(_body(b"{}"), is_plausible=True),
    "an empty body": Fault(_body(b""), is_plausible=True),
    "other types": Fault(_json_changed(_with_other_types), True, is_plausible=True),
    "no containers": Fault(_json_changed(_with_flat_containers), True, is_plausible=True),
    "nested": Fault(_body(b"[" * 20_000), is_plausible=True),
    "bad UTF-8": Fault(_bad_utf8, True, is_plausible=True),
    "escape sequences": Fault(_body(_ESCAPES.encode(), "text/plain"), is_plausible=True),
    "no length": Fault(_length(""), True, is_plausible=True),
    "a length in words": Fault(_length("ten"), True, is_plausible=True),
    "a negative length": Fault(_length("-1"), True, is_plausible=True),
    "a length too small": Fault(_length("1"), True, is_plausible=True),
    "1 GiB": Fault(_too_long, True, is_plausible=True),
    "endless": Fault(_endless_chunks, True),
    "endless header": Fault(_endless_headers),
    "endless status line": Fault(_endless_status),
    "endless error": Fault(_endless_error),
    "redirected 301": Fault(_redirect(301)),
    "redirected 302": Fault(_redirect(302)),
    "redirected 307": Fault(_redirect(307)),
    "redirected 308": Fault(_redirect(308)),
    "not HTTP": Fault(_noise),
}


def faults_of(place: Place) -> list[str]:
    """Return the faults that an exchange with this service can have."""
    return [name for name, fault in FAULTS.items() if not fault.services or place.service in fault.services]
