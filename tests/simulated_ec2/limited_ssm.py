"""Parameter Store that takes only so many requests a second, for many hosts: without moto, which takes long for one."""

from __future__ import annotations

import collections
import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LimitedSsm:
    """Answers GetParameters for the host that the path of a request names, where `take` grants it.

    `take` is asked with the seconds since `start`. `asked` has the moments of the requests of each host, and `granted`
    that of its answer.
    """

    def __init__(self, parameters: Mapping[str, str], take: Callable[[float], bool]) -> None:
        self.asked: dict[str, list[float]] = collections.defaultdict(list)
        self.granted: dict[str, float] = {}
        self._parameters = parameters
        self._take = take
        self._lock = threading.Lock()
        self._began = time.monotonic()
        handler = type("Handler", (_Handler,), {"ssm": self})
        self._server = _Listener(("127.0.0.1", 0), handler)

    def url(self, host: str) -> str:
        """Return the endpoint for a host."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{host}"

    def start(self) -> None:
        self._began = time.monotonic()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def seconds(self) -> float:
        """Return the seconds since `start`."""
        return time.monotonic() - self._began

    def answer(self, host: str, names: list[str]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            now = self.seconds()
            self.asked[host].append(now)
            if not self._take(now):
                return 400, {"__type": "com.amazonaws.ssm#ThrottlingException", "message": "Rate exceeded"}
            self.granted.setdefault(host, now)
        found = [
            {"Name": name, "Type": "String", "Value": self._parameters[name], "Version": 1, "LastModifiedDate": 1.0}
            for name in names
            if name in self._parameters
        ]
        return 200, {"Parameters": found, "InvalidParameters": [name for name in names if name not in self._parameters]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ssm: LimitedSsm

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, found = self.ssm.answer(self.path.strip("/"), body["Names"])
        text = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that leaves early
