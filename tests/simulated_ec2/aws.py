"""AWS's APIs: moto's server in a process of its own, behind a proxy that counts requests and can make them fail.

moto gives no throttling, no failures and no wrong clock; the proxy does, in the form that the service in question
would. Everything is on loopback. The order is client -> proxy -> moto.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

import botocore.session
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "123456789012"
RESET = "reset"
HANG = "hang"
LOSE = "lose"
CUT_REQUEST = "cut-request"
CUT_ANSWER = "cut-answer"
_START_SECONDS = 60.0
_PORTS_TRIED = 5
_BODY_KEPT = 64 * 1024
# Of a multipart upload; S3 takes 5 MiB, which a test had to wait for.
SMALLEST_PART = 256 * 1024
_NOT_FORWARDED = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}


@dataclass(frozen=True)
class Answer:
    """What is given instead of moto's answer: an AWS error, a text, or an `action`; after `slow_seconds`.

    Actions: RESET and HANG instead of any answer; LOSE lets moto do what is asked and then loses the answer;
    CUT_REQUEST breaks off in the middle of what the client sends, CUT_ANSWER in the middle of what it is sent.
    With none of them the request is passed on to moto nevertheless. `clock_seconds` is how far AWS's clock is ahead.
    """

    code: str = ""
    message: str = "simulated"
    status: int = 400
    text: Optional[str] = None
    action: str = ""
    slow_seconds: float = 0.0
    clock_seconds: float = 0.0


THROTTLED = Answer("ThrottlingException", "Rate exceeded")
BROKEN = Answer("InternalServerError", "An error occurred on the server side.", status=500)
EXPIRED = Answer("ExpiredTokenException", "The security token included in the request is expired")
RESETTING = Answer(action=RESET)
SILENT = Answer(action=HANG)
LOST = Answer(action=LOSE)
CUT_OFF = Answer(action=CUT_REQUEST)
CUT_SHORT = Answer(action=CUT_ANSWER)
PASSED_ON = Answer()
SLOW_DOWN = Answer("SlowDown", "Please reduce your request rate.", status=503)
S3_EXPIRED = Answer("ExpiredToken", "The provided token has expired.")
S3_DENIED = Answer("AccessDenied", "Access Denied", status=403)
PAGE = Answer(text="<html><body>Welcome to the proxy</body></html>", status=200)


def denied(action: str = "ssm:GetParameters", resource: str = "parameter/x", role: str = "teleport-role") -> Answer:
    """Return the refusal that SSM gives to a role that lacks `action`."""
    user = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/i-0123456789abcdef0"
    on = f"arn:aws:ssm:{REGION}:{ACCOUNT}:{resource}"
    why = "because no identity-based policy allows the " + action + " action"
    return Answer(
        "AccessDeniedException", f"User: {user} is not authorized to perform: {action} on resource: {on} {why}"
    )


def wrong_clock(seconds: float) -> Answer:
    """Return the refusal of a request signed by a clock that is `seconds` behind AWS's."""
    return Answer("InvalidSignatureException", "Signature expired: simulated", clock_seconds=seconds)


@dataclass(frozen=True)
class Request:
    """A request as it came: the service and region that it was signed for, the operation, the access key, and the body.

    Of S3, the operation is method and path; and a large body is not kept.
    """

    service: str
    region: str
    operation: str
    access_key: str
    host: str
    body: bytes = field(repr=False)


class Moto:
    """moto's server as a process; `url` is where it listens once `start` has returned."""

    def __init__(self) -> None:
        self.url = ""
        self._process: Optional[subprocess.Popen[bytes]] = None

    def start(self) -> None:
        for _ in range(_PORTS_TRIED):
            port = _free_port()
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            environment = {**os.environ, "S3_UPLOAD_PART_MIN_SIZE": str(SMALLEST_PART)}
            self._process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            self.url = f"http://127.0.0.1:{port}"
            try:
                if self._has_started(self._process):
                    self._load_ssm()
                    return
            except BaseException:
                self.stop()
                raise
            self.stop()
        raise RuntimeError("moto's server did not start; is moto[server] installed?")

    def _has_started(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until `process` answers; false if it ended, as it does if another program took the port meanwhile."""
        end = time.monotonic() + _START_SECONDS
        while process.poll() is None:
            try:
                self.post("/moto-api/reset")
                return True
            except (OSError, http.client.HTTPException, RuntimeError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        return False

    def _load_ssm(self) -> None:
        """Let moto load what it has for SSM, which can take longer than an agent waits for an answer."""
        signature = f"AWS4-HMAC-SHA256 Credential=first/20260101/{REGION}/ssm/aws4_request"
        connection = http.client.HTTPConnection(self.url.partition("//")[2], timeout=_START_SECONDS)
        try:
            headers = {"Content-Type": "application/x-amz-json-1.1", "Authorization": signature}
            connection.request(
                "POST", "/", b'{"Names": ["/first"]}', {**headers, "X-Amz-Target": "AmazonSSM.GetParameters"}
            )
            connection.getresponse().read()
        finally:
            connection.close()

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)

    def post(self, path: str, body: str = "") -> None:
        connection = http.client.HTTPConnection(self.url.partition("//")[2], timeout=10)
        try:
            connection.request("POST", path, body.encode(), {"Content-Type": "text/plain"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"moto answered {answer.status} to {path}")
        finally:
            connection.close()


class Aws:
    """The simulated AWS: point AWS_ENDPOINT_URL at `url`, put things in, make them fail, look at `requests`."""

    def __init__(self) -> None:
        self._moto = Moto()
        self.requests: list[Request] = []
        self.connections = 0
        self._answers: list[tuple[str, Answer]] = []
        self._always: Optional[Answer] = None
        # By service and operation, such as `glue:GetTable`: what answers instead of moto, and what moto's becomes.
        self.instead: dict[str, Callable[[Request], Answer]] = {}
        self.changed: dict[str, Callable[[bytes], bytes]] = {}
        # How often everything was forgotten.
        self.resets = 0
        # The regions of S3 buckets that are not where everything else is, by name.
        self.bucket_regions: dict[str, str] = {}
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._server: Optional[ThreadingHTTPServer] = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `url`."""
        assert self._server is not None
        return "127.0.0.1", int(self._server.server_address[1])

    def start(self) -> None:
        self._moto.start()
        handler = type("Proxy", (_Proxy,), {"aws": self})
        self._server = _Listener(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self._moto.stop()

    def reset(self) -> None:
        """Forget all resources, faults and requests; let everyone do everything."""
        self.enforce_policies(False)
        self._moto.post("/moto-api/reset")
        self.clear_faults()
        self.bucket_regions.clear()
        self.instead.clear()
        self.changed.clear()
        self.resets += 1
        self.requests.clear()
        self.connections = 0

    def enforce_policies(self, enforced: bool = True) -> None:
        """Switch IAM on or off: when on, only actions that a policy allows succeed (moto takes resources for `*`)."""
        self._moto.post("/moto-api/reset-auth", "0" if enforced else "inf")

    def fail(self, *answers: Answer, times: int = 1, operation: str = "") -> None:
        """Give these instead of the next answers, in this order, each `times` times.

        With `operation`, instead of answers to requests whose operation this pattern is found in.
        """
        with self._lock:
            self._answers += [(operation, answer) for answer in answers for _ in range(times)]

    def fail_always(self, answer: Answer) -> None:
        """Give this instead of every answer until `clear_faults`."""
        self._always = answer

    def clear_faults(self) -> None:
        with self._lock:
            self._answers.clear()
        self._always = None

    def client(self, service: str, region: str = REGION) -> Any:
        """Return a botocore client for arranging what a test needs; past the proxy, so that it is not counted."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._make_client(service, region)
        return self._clients[service, region]

    def _make_client(self, service: str, region: str) -> Any:
        return botocore.session.Session().create_client(
            service,
            region_name=region,
            endpoint_url=self._moto.url,
            aws_access_key_id="arranging",
            aws_secret_access_key="arranging",
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def put_parameters(self, parameters: dict[str, str], *, region: str = REGION, kind: str = "SecureString") -> None:
        client = self.client("ssm", region)
        for name, value in parameters.items():
            client.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)

    def role_credentials(self, actions: Iterable[str], role: str = "teleport-role") -> dict[str, str]:
        """Return credentials of a role that is allowed just `actions`, in the form of the IMDS emulator's data."""
        iam = self.client("iam")
        trust = {
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ]
        }
        policy = {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", **trust}))
        if policy["Statement"][0]["Action"]:
            document = json.dumps({"Version": "2012-10-17", **policy})
            iam.put_role_policy(RoleName=role, PolicyName="allowed", PolicyDocument=document)
        given = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="i-0123456789abcdef0"
        )["Credentials"]
        return {
            "AccessKeyId": given["AccessKeyId"],
            "SecretAccessKey": given["SecretAccessKey"],
            "Token": given["SessionToken"],
        }

    def next_answer(self, request: Request) -> Optional[Answer]:
        with self._lock:
            self.requests.append(request)
            for number, (where, _) in enumerate(self._answers):
                if re.search(where, request.operation):
                    return self._answers.pop(number)[1]
            instead = self.instead.get(f"{request.service}:{request.operation}")
            return self._always if instead is None else instead(request)


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body that follows its headers would wait 40 ms for them to be confirmed
    aws: Aws

    def setup(self) -> None:
        super().setup()
        with self.aws._lock:
            self.aws.connections += 1

    def log_message(self, *arguments: Any) -> None:
        pass

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = self._request(length)
        answer = self.aws.next_answer(request) or self._refusal()
        if answer and answer.action == CUT_REQUEST:
            self.rfile.read(0 if request.body else length // 2)
            self._reset()
            return
        body = request.body or self.rfile.read(length)
        if answer:
            time.sleep(answer.slow_seconds)
        if answer and answer.action == RESET:
            self._reset()
        elif answer and answer.action == HANG:
            self.connection.settimeout(60)
            self.connection.recv(1)
            self.close_connection = True
        elif answer and answer.text is not None:
            self._send(answer.status, answer.text.encode(), {"Content-Type": "text/html"}, answer.clock_seconds)
        elif answer and answer.code:
            kind, text = _error(request.service, answer)
            headers = {"Content-Type": kind, **self._home()}
            self._send(answer.status, text.encode(), headers, answer.clock_seconds)
        else:
            change = self.aws.changed.get(f"{request.service}:{request.operation}", bytes)
            self._forward(body, answer or Answer(), change)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _refusal(self) -> Optional[Answer]:
        """Return S3's answer for a bucket of another region or account, which moto does not check."""
        owner = self.headers.get("x-amz-expected-bucket-owner")
        home = self._home().get("x-amz-bucket-region")
        if home and f"/{home}/s3/" not in self.headers.get("Authorization", ""):
            return Answer("PermanentRedirect", "The bucket you are attempting to access is elsewhere.", status=301)
        return S3_DENIED if owner not in (None, ACCOUNT) else None

    def _home(self) -> dict[str, str]:
        """Return the header by which S3 says where a bucket is, of those that are elsewhere."""
        bucket = re.split("[/?]", f"{self.path}/")[1]
        regions = self.aws.bucket_regions
        return {"x-amz-bucket-region": regions[bucket]} if bucket in regions else {}

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _any  # noqa: N815

    def _request(self, length: int) -> Request:
        body = self.rfile.read(length) if length <= _BODY_KEPT else b""
        signed = re.search(r"Credential=([^/]+)/[0-9]{8}/([^/]+)/([^/]+)/", self.headers.get("Authorization", ""))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if not operation:
            found = re.search(rb"(?:^|&)Action=(\w+)", body)
            operation = found.group(1).decode() if found else f"{self.command} {self.path}"
        return Request(
            service=signed.group(3) if signed else "",
            region=signed.group(2) if signed else "",
            operation=operation,
            access_key=signed.group(1) if signed else "",
            host=self.headers.get("Host", ""),
            body=body,
        )

    def _forward(self, body: bytes, given: Answer, change: Callable[[bytes], bytes]) -> None:
        connection = http.client.HTTPConnection(self.aws._moto.url.partition("//")[2], timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            content = change(answer.read())
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_FORWARDED}
            if self.command == "HEAD":
                headers["Content-Length"] = answer.getheader("Content-Length", "0")
            headers = {**{name: value for name, value in headers.items() if name not in self._home()}, **self._home()}
            if given.action == CUT_ANSWER:
                headers["Content-Length"] = str(len(content))
                content = content[: len(content) // 2]
            if given.action != LOSE:
                self._send(answer.status, content, headers, given.clock_seconds)
            if given.action:
                self.wfile.flush()
                time.sleep(0.05)  # a reset would also take away what the client has not read yet
                self._reset()
        finally:
            connection.close()

    def _send(self, status: int, content: bytes, headers: dict[str, str], clock_seconds: float = 0.0) -> None:
        self.send_response_only(status)
        self.send_header("Date", email.utils.formatdate(time.time() + clock_seconds, usegmt=True))
        if "Content-Length" not in headers:
            headers = {**headers, "Content-Length": str(len(content))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that leave early are what is tested


def _error(service: str, answer: Answer) -> tuple[str, str]:
    """Return content type and text of an error as `service` writes it."""
    if service in ("ssm", "dynamodb", "kms", "athena", "glue", "application-autoscaling"):
        error = {"__type": f"com.amazonaws.{service}#{answer.code}", "message": answer.message}
        return "application/x-amz-json-1.1", json.dumps(error)
    inner = f"<Code>{answer.code}</Code><Message>{answer.message}</Message>"
    if service == "s3":
        return "application/xml", f"<Error>{inner}<RequestId>0</RequestId></Error>"
    if service == "ec2":
        return "text/xml", f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>0</RequestID></Response>"
    return (
        "text/xml",
        f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>0</RequestId></ErrorResponse>",
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
