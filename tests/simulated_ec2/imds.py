"""An EC2 instance metadata service, version 2, as a program of the standard library alone.

It also runs inside a booted container with the distribution's own Python, where cloud-init and the agent ask it:

    python3 imds.py --bind 169.254.169.254 --port 80 --data FILE.json --control-port 8081

FILE.json is an object with any of the keys of DEFAULTS below; `meta-data` is merged into the default one. The control
port (loopback only) takes POST /faults, /data, /expire-tokens, /clear-requests with a JSON object, and gives
GET /requests, /faults, /tokens. Faults are the fields of Faults, there and as `--fault NAME=VALUE`.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import re
import secrets
import socket
import socketserver
import struct
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional, Union
from urllib.parse import unquote, urlsplit

MAC = "02:00:00:00:00:01"
DEFAULTS: dict[str, Any] = {
    "meta-data": {
        "ami-id": "ami-0123456789abcdef0",
        "ami-launch-index": "0",
        "hostname": "ip-10-0-0-12.ec2.internal",
        "instance-id": "i-0123456789abcdef0",
        "instance-type": "t3.small",
        "local-hostname": "ip-10-0-0-12.ec2.internal",
        "local-ipv4": "10.0.0.12",
        "mac": MAC,
        "network": {
            "interfaces": {
                "macs": {
                    MAC: {
                        "device-number": "0",
                        "interface-id": "eni-0123456789abcdef0",
                        "local-ipv4s": "10.0.0.12",
                        "mac": MAC,
                        "subnet-ipv4-cidr-block": "10.0.0.0/24",
                    }
                }
            }
        },
        "placement": {"availability-zone": "us-east-1a", "region": "us-east-1"},
        "public-hostname": "ec2-203-0-113-12.compute-1.amazonaws.com",
        "public-ipv4": "203.0.113.12",
        "reservation-id": "r-0123456789abcdef0",
        "security-groups": "default",
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    },
    "user-data": None,  # text, or nothing
    "tags": None,  # an object when tags are allowed in metadata
    "role": "teleport-role",  # nothing when no instance profile is attached
    "account": "123456789012",
    # AccessKeyId, SecretAccessKey, Token, and optionally Code, Expiration, or expires-in seconds
    "credentials": {
        "AccessKeyId": "ASIAEXAMPLEEXAMPLE00",
        "SecretAccessKey": "simulated-secret-access-key",
        "Token": "simulated-session-token",
    },
    "raw": {},  # path below /latest/ -> exactly this text
}
HTML = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Welcome to the hotel's network</body></html>\n"
Times = Union[bool, int]


@dataclass
class Faults:
    """What is to go wrong. Of a `Times`, True means always and a number means so many of the next requests."""

    reset: Times = False  # the connection is reset instead of an answer
    error_500: Times = False
    error_403: Times = False
    error_401: Times = False  # every GET, whatever its token
    html: Times = False  # GETs give a page with status 200 instead of the value
    html_token: Times = False  # PUTs give a page with status 200 instead of a token
    redirect: Times = False  # 302 to a server that would answer
    drop_put: Times = False  # a PUT is taken and never answered, as with a hop limit that is too low
    huge: Times = False  # more bytes than anyone should read
    trickle: Times = False  # a byte every 0.2 s
    iam_404: Times = False  # nothing under iam/ yet
    iam_404_seconds: float = 0.0  # the same, from the start of the server
    slow_seconds: float = 0.0  # before each answer
    token_seconds: int = 21600  # the longest life that is granted to a token
    allow_v1: bool = False

    def take(self, name: str) -> bool:
        """Return whether the fault happens to this request, and count it."""
        value = getattr(self, name)
        if value is True or not value:
            return bool(value)
        setattr(self, name, value - 1)
        return True


@dataclass
class Request:
    """What was asked: `token` is none, good or bad; `status` is 0 when no answer was given."""

    method: str
    path: str
    token: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)


class Service:
    """The service's memory: what it tells, which tokens it gave, what it was asked, what is to go wrong."""

    def __init__(self, data: Optional[dict[str, Any]] = None) -> None:
        self.lock = threading.Lock()
        self.data = copy.deepcopy(DEFAULTS)
        self.faults = Faults()
        self.requests: list[Request] = []
        self.connections = 0
        self.tokens: dict[str, float] = {}
        self.started = time.monotonic()
        self.update(data or {})

    def reset(self) -> None:
        """Become like new."""
        self.__init__()  # type: ignore[misc]

    def update(self, data: dict[str, Any]) -> None:
        """Change the answers; `meta-data`, `credentials` and `raw` are merged, an item that is None goes away."""
        unknown = set(data) - set(DEFAULTS)
        if unknown:
            raise ValueError(f"no such data: {', '.join(sorted(unknown))}")
        for name, value in data.items():
            if isinstance(value, dict) and isinstance(self.data[name], dict):
                _merge(self.data[name], value)
            else:
                self.data[name] = value

    def set_faults(self, **faults: Any) -> None:
        """Make these things go wrong from now on."""
        for name, value in faults.items():
            if name not in Faults.__dataclass_fields__:
                raise ValueError(f"no such fault: {name}")
            setattr(self.faults, name, value)

    def expire_tokens(self) -> None:
        """Forget every session token."""
        with self.lock:
            self.tokens.clear()

    def gets(self, item: str = "") -> list[Request]:
        """Return the GETs so far whose path ends in `item`."""
        return [request for request in self.requests if request.method == "GET" and request.path.endswith(item)]

    def puts(self) -> list[Request]:
        """Return the requests for a token so far."""
        return [request for request in self.requests if request.method == "PUT"]

    def new_token(self, seconds: int) -> str:
        token = secrets.token_urlsafe(40) + "=="
        with self.lock:
            self.tokens[token] = time.monotonic() + seconds
        return token

    def judge_token(self, token: Optional[str]) -> str:
        if token is None:
            return "none"
        with self.lock:
            return "good" if self.tokens.get(token, 0.0) > time.monotonic() else "bad"

    def item(self, path: str) -> Optional[str]:
        """Return the text at `path` below /latest/, a listing for a folder, None for 404."""
        raw = self.data["raw"].get(path.strip("/"))
        if raw is not None:
            return str(raw)
        node: Any = self._tree()
        for part in [unquote(part) for part in path.split("/") if part]:
            if not isinstance(node, dict) or part not in node:
                return None
            node = node[part]
        return _listing(node) if isinstance(node, dict) else str(node)

    def _tree(self) -> dict[str, Any]:
        meta = copy.deepcopy(self.data["meta-data"])
        late = time.monotonic() - self.started < self.faults.iam_404_seconds
        if self.data["role"] and not late:
            role, account = self.data["role"], self.data["account"]
            profile = f"arn:{meta['services']['partition']}:iam::{account}:instance-profile/{role}"
            meta["iam"] = {
                "info": json.dumps(
                    {"Code": "Success", "InstanceProfileArn": profile, "InstanceProfileId": "AIPAEXAMPLE"}
                ),
                "security-credentials": {role: json.dumps(self._credentials(), indent=2)},
            }
        if self.data["tags"] is not None:
            meta["tags"] = {"instance": dict(self.data["tags"])}
        tree: dict[str, Any] = {"dynamic": {"instance-identity": {"document": self._identity(meta)}}, "meta-data": meta}
        if self.data["user-data"] is not None:
            tree["user-data"] = self.data["user-data"]
        return tree

    def _credentials(self) -> dict[str, Any]:
        given = dict(self.data["credentials"])
        now = datetime.now(timezone.utc)
        ends = now + timedelta(seconds=given.pop("expires-in", 6 * 3600))
        usual = {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": _stamp(now), "Expiration": _stamp(ends)}
        return {name: value for name, value in {**usual, **given}.items() if value is not None}

    def _identity(self, meta: dict[str, Any]) -> str:
        zone = meta.get("placement", {})
        return json.dumps(
            {
                "accountId": self.data["account"],
                "architecture": "x86_64",
                "availabilityZone": zone.get("availability-zone"),
                "imageId": meta.get("ami-id"),
                "instanceId": meta.get("instance-id"),
                "instanceType": meta.get("instance-type"),
                "privateIp": meta.get("local-ipv4"),
                "region": zone.get("region"),
                "version": "2017-09-30",
            },
            indent=2,
        )


class Server:
    """The service on an address of this machine; with `late_seconds`, connections are refused for that long."""

    def __init__(
        self,
        data: Optional[dict[str, Any]] = None,
        *,
        bind: str = "127.0.0.1",
        port: int = 0,
        late_seconds: float = 0.0,
        control_port: Optional[int] = None,
    ) -> None:
        self.service = Service(data)
        self._late_seconds = late_seconds
        self._server = _listener(bind, port, type("Answers", (_Metadata,), {"service": self.service}))
        self._control = None
        if control_port is not None:
            self._control = _listener(
                "127.0.0.1", control_port, type("Answers", (_Control,), {"service": self.service})
            )
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()

    @property
    def url(self) -> str:
        return _url(self._server)

    @property
    def control_url(self) -> str:
        assert self._control is not None
        return _url(self._control)

    def start(self) -> None:
        """Listen; an address that is bound and not listened on refuses connections."""
        if self._control:
            self._control.server_activate()
            self._run(self._control.serve_forever)
        if self._late_seconds:
            self._run(self._serve_late)
        else:
            self._server.server_activate()
            self._run(self._server.serve_forever)

    def stop(self) -> None:
        self._ended.set()
        for server in (self._server, self._control):
            if server:
                if any(thread.is_alive() for thread in self._threads):
                    threading.Thread(target=server.shutdown, daemon=True).start()
                server.server_close()

    def _serve_late(self) -> None:
        if not self._ended.wait(self._late_seconds):
            self.service.started = time.monotonic()
            self._server.server_activate()
            self._server.serve_forever()

    def _run(self, target: Any) -> None:
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        self._threads.append(thread)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body that follows its headers would wait 40 ms for them to be confirmed
    service: Service

    def log_message(self, *arguments: Any) -> None:
        pass

    def answer(
        self, status: int, body: str, headers: Optional[dict[str, str]] = None, kind: str = "text/plain"
    ) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class _Metadata(_Handler):
    server_version = "EC2ws"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        with self.service.lock:
            self.service.connections += 1

    def do_PUT(self) -> None:
        self._body()
        request = self._begin("none")
        faults = self.service.faults
        if faults.take("drop_put"):
            self._hang()
        elif not self._common_fault(request):
            asked = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            if self.path.split("?")[0] != "/latest/api/token":
                self._end(request, 404)
            elif faults.take("html_token"):
                self._end(request, 200, HTML, kind="text/html")
            elif not re.fullmatch("[0-9]{1,6}", asked) or not 1 <= int(asked) <= 21600:
                self._end(request, 400)
            elif "X-Forwarded-For" in self.headers:
                self._end(request, 403)  # as the real one does, against open proxies
            else:
                seconds = min(int(asked), faults.token_seconds)
                told = {"X-aws-ec2-metadata-token-ttl-seconds": str(seconds)}
                self._end(request, 200, self.service.new_token(seconds), headers=told)

    def do_GET(self) -> None:
        faults = self.service.faults
        judged = self.service.judge_token(self.headers.get("X-aws-ec2-metadata-token"))
        request = self._begin(judged)
        if self._common_fault(request):
            return
        if faults.take("error_401") or judged == "bad" or (judged == "none" and not faults.allow_v1):
            self._end(request, 401)
        else:
            self._give(request)

    def _give(self, request: Request) -> None:
        faults = self.service.faults
        path = re.sub(r"^/+(latest|1\.0|[0-9]{4}-[0-9]{2}-[0-9]{2})(?=/|$)", "", urlsplit(self.path).path)
        if path == urlsplit(self.path).path:
            self._end(request, 200 if path == "/" else 404, "1.0\n2021-03-23\nlatest")
            return
        text = self.service.item(path)
        if path.startswith("/meta-data/iam") and faults.take("iam_404"):
            text = None
        if faults.take("html"):
            self._end(request, 200, HTML, kind="text/html")
        elif faults.take("redirect"):
            self._end(request, 302, headers={"Location": "/latest/meta-data/instance-id"})
        elif faults.take("huge"):
            self._end(request, 200, "x" * 2_000_000)
        elif faults.take("trickle"):
            self._trickle(request, text or "")
        elif text is None:
            self._end(request, 404)
        else:
            self._end(request, 200, text)

    def _begin(self, token: str) -> Request:
        request = Request(self.command, self.path, token, headers=dict(self.headers.items()))
        with self.service.lock:
            self.service.requests.append(request)
        return request

    def _end(self, request: Request, status: int, body: str = "", **options: Any) -> None:
        request.status = status
        if status >= 400:
            body, options["kind"] = (
                f"<?xml version='1.0'?><html><head><title>{status}</title></head></html>",
                "text/html",
            )
        self.answer(status, body, **options)

    def _common_fault(self, request: Request) -> bool:
        faults = self.service.faults
        if faults.slow_seconds:
            time.sleep(faults.slow_seconds)
        if faults.take("reset"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif faults.take("error_500"):
            self._end(request, 500)
        elif faults.take("error_403"):
            self._end(request, 403)
        else:
            return False
        return True

    def _trickle(self, request: Request, text: str) -> None:
        request.status = 200
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        for character in text:
            time.sleep(0.2)
            self.wfile.write(character.encode())
            self.wfile.flush()

    def _hang(self) -> None:
        """Answer nothing until the other side has had enough."""
        self.connection.settimeout(60)
        with contextlib.suppress(OSError):
            self.connection.recv(1)
        self.close_connection = True

    def _body(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def handle(self) -> None:
        # The other side has gone, or this one closed the connection as a fault.
        with contextlib.suppress(ConnectionError, ValueError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()


class _Control(_Handler):
    def do_GET(self) -> None:
        service = self.service
        told = {
            "/requests": [asdict(request) for request in service.requests],
            "/faults": asdict(service.faults),
            "/tokens": len(service.tokens),
        }
        self._tell(told.get(self.path))

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        try:
            if self.path == "/faults":
                self.service.set_faults(**given)
            elif self.path == "/data":
                self.service.update(given)
            elif self.path == "/expire-tokens":
                self.service.expire_tokens()
            elif self.path == "/clear-requests":
                self.service.requests.clear()
            else:
                self._tell(None)
                return
        except ValueError as error:
            self.answer(400, str(error))
            return
        self._tell({})

    def _tell(self, value: Any) -> None:
        self.answer(404 if value is None else 200, json.dumps(value), kind="application/json")


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def server_bind(self) -> None:
        # The standard library's looks up the host's full name, which takes seconds where there is no DNS.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that leave early are what is tested


def _listener(bind: str, port: int, handler: Any) -> ThreadingHTTPServer:
    """Return a server that has its address but does not listen yet."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    kind = type("Listener", (_HTTPServer,), {"address_family": family})
    server: ThreadingHTTPServer = kind((bind, port), handler, bind_and_activate=False)
    server.server_bind()
    return server


def _url(server: ThreadingHTTPServer) -> str:
    host, port = server.server_address[:2]
    return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"


def _listing(node: dict[str, Any]) -> str:
    return "\n".join(name + ("/" if isinstance(value, dict) else "") for name, value in sorted(node.items()))


def _merge(into: dict[str, Any], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    parser = argparse.ArgumentParser(description="an EC2 instance metadata service for tests")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int)
    parser.add_argument("--data", metavar="FILE.json")
    parser.add_argument("--late", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    data = {}
    if arguments.data:
        with open(arguments.data, encoding="utf-8") as file:
            data = json.load(file)
    server = Server(
        data,
        bind=arguments.bind,
        port=arguments.port,
        late_seconds=arguments.late,
        control_port=arguments.control_port,
    )
    server.service.set_faults(
        **{name: json.loads(value) for name, _, value in (f.partition("=") for f in arguments.fault)}
    )
    server.start()
    print(server.url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
