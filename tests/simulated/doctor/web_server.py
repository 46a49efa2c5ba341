"""What stands for the cluster's balancers on this machine: TLS at port 443 of an address of its own, and open ports."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import ssl
import tempfile
import threading
from dataclasses import dataclass, field
from typing import Any, Optional

from tests.certificates import Issued

_NUMBERS = itertools.count(1)


def new_address() -> str:
    """Return an address of this machine that no other test uses, nor another run of the tests at the same time."""
    process = os.getpid()
    return f"127.{64 + process % 128}.{process // 128 % 250}.{next(_NUMBERS) % 250 + 1}"


@dataclass
class Says:
    """What the web port answers. `location` redirects; `server` is the header of that name."""

    status: int = 200
    server: str = ""
    location: str = ""
    body: Any = None
    text: Optional[str] = None

    def content(self) -> bytes:
        return (self.text if self.text is not None else json.dumps(self.body)).encode()


def ping(cluster: str, version: str = "17.5.1") -> dict[str, Any]:
    """What Teleport answers to the public ping, as far as it matters."""
    return {
        "auth": {"type": "local", "second_factor": "on"},
        "proxy": {"tls_routing_enabled": False},
        "server_version": version,
        "min_client_version": "16.0.0",
        "cluster_name": cluster,
    }


@dataclass
class WebServer:
    """A server for HTTPS at `address`; without a certificate it speaks plain HTTP."""

    address: str
    says: Says
    port: int = 443
    issued: Optional[Issued] = None
    # The handshake is never answered.
    is_silent: bool = False
    asked: list[str] = field(default_factory=list)
    _listener: Optional[socket.socket] = None

    def start(self) -> None:
        self._listener = socket.create_server((self.address, self.port), backlog=64)
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        if self.is_silent:
            with contextlib.suppress(OSError):
                while connection.recv(4096):
                    pass
            connection.close()
            return
        with contextlib.suppress(OSError, ssl.SSLError):
            served = (
                connection if self.issued is None else _context(self.issued).wrap_socket(connection, server_side=True)
            )
            with served:
                asked = served.recv(8192)
                self.asked.append(asked.split(b"\r\n")[0].decode("ascii", "replace"))
                content = self.says.content()
                lines = [f"HTTP/1.1 {self.says.status} Reason", f"Content-Length: {len(content)}", "Connection: close"]
                lines += [f"Server: {self.says.server}"] * bool(self.says.server)
                lines += [f"Location: {self.says.location}"] * bool(self.says.location)
                served.sendall("\r\n".join([*lines, "", ""]).encode() + content)


def _context(issued: Issued) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as chain, tempfile.NamedTemporaryFile("w") as key:
        for file, text in ((chain, issued.fullchain), (key, issued.privkey)):
            file.write(text)
            file.flush()
        context.load_cert_chain(chain.name, key.name)
    return context


class OpenPorts:
    """Ports of an address that accept connections, as a network balancer's do."""

    def __init__(self, address: str, *ports: int) -> None:
        self.address = address
        self.waiting: list[socket.socket] = []
        self._open = {port: socket.create_server((address, port), backlog=64) for port in ports}

    def close(self, *ports: int) -> None:
        for port in ports or tuple(self._open):
            self._open.pop(port).close()

    def open(self, port: int) -> None:
        self._open[port] = socket.create_server((self.address, port), backlog=64)

    def open_silently(self, port: int) -> None:
        """Let a port take no more connections, so that a client waits."""
        self._open[port] = socket.create_server((self.address, port), backlog=0)
        self.waiting = []
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex((self.address, port))
            self.waiting.append(waiting)
