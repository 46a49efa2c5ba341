"""Answers of an HTTP server without a server: every socket that connects reads what an input says.

Everything else is real: urllib3, requests and botocore send their requests, and parse the status line, the headers, the
chunks and the body. Each connection gets one answer, and after it the end.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import socket
from collections.abc import Iterator
from typing import Any

from teleport_bootstrap.host import clock

# Nothing listens there, should a library ever find another way to connect.
URL = "http://127.0.0.1:9"
BETWEEN = b"\n%%\n"

# More connections in a row than the retries of one call make are a loop without an end.
MOST_CONNECTIONS = 400
_LARGEST = 60_000  # fits into the buffer of a socket

logging.getLogger("teleport_bootstrap").addHandler(logging.NullHandler())
logging.getLogger("teleport_bootstrap").propagate = False
for _name in ("urllib3", "botocore", "requests"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Endless(AssertionError):
    """A call does not end."""


class Time:
    """A clock that only waiting moves; every use of it takes a moment, so that no loop lasts forever."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the seconds."""
        self.now += 1e-6
        return self.now

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.now += seconds

    def clock(self) -> clock.Clock:
        """Return this as the program takes it."""
        return clock.Clock(self.monotonic, lambda: 1_700_000_000.0 + self.now, self.sleep, lambda: 0.9)


@contextlib.contextmanager
def answering(script: bytes) -> Iterator[None]:
    """Answer the connections of the body with the parts of `script`, which `BETWEEN` separates; the last one repeats.

    A part is a whole answer from its status line on; or begins with a status of three digits and a blank, and becomes
    a well-formed answer with the rest as its body.
    """
    parts = [_answer(each)[:_LARGEST] for each in script.split(BETWEEN)]
    count = itertools.count()

    def connect(connection: socket.socket, _address: Any) -> None:
        number = next(count)
        if number >= MOST_CONNECTIONS:
            raise Endless
        here, there = socket.socketpair()
        # It must be there before the request is sent, which nothing reads.
        there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 * 1024)
        there.sendall(parts[min(number, len(parts) - 1)])
        there.shutdown(socket.SHUT_WR)
        held.append(there)
        with here:
            here.setblocking(connection.gettimeout() is None)
            os.dup2(here.fileno(), connection.fileno(), inheritable=False)

    held: list[socket.socket] = []
    socket.socket.connect = connect  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        del socket.socket.connect  # the method of the class below appears again
        for each in held:
            each.close()


def _answer(part: bytes) -> bytes:
    status, blank, body = part[:3], part[3:4], part[4:]
    if not (status.isdigit() and blank in (b" ", b"")):
        return part
    head = (
        b"HTTP/1.1 %b Text\r\nDate: Tue, 14 Nov 2023 22:30:00 GMT\r\nx-amzn-RequestId: r\r\nConnection: close\r\n"
        % status
    )
    return (
        head
        + b'Content-Length: %d\r\nETag: "e"\r\nLast-Modified: Tue, 14 Nov 2023 22:30:00 GMT\r\n\r\n' % len(body)
        + body
    )
