"""A certificate authority and what certbot needs to be believed by it: pebble, and Route 53 under its own name.

certbot cannot be told another address for Route 53 where its botocore is older than 1.31. It does use a proxy for HTTPS
that the environment names: ours answers for route53.amazonaws.com itself, with the simulated AWS behind it, and for
nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest

from tests.simulated_ec2 import Aws

ROUTE53 = "route53.amazonaws.com"
_PROGRAMS = ("pebble", "certbot")
_START_SECONDS = 20.0

needs_certbot = pytest.mark.skipif(
    any(shutil.which(program) is None for program in _PROGRAMS), reason="pebble or certbot is not installed"
)


def certbot_is_strict() -> bool:
    """Return whether the Python that runs certbot has urllib3 refuse what is not as RFC 5280 says."""
    first = Path(shutil.which("certbot") or "").read_bytes().partition(b"\n")[0].decode()
    program = (
        "import ssl; from urllib3.util import ssl_; flags = ssl_.create_urllib3_context().verify_flags; "
        "print(bool(flags & ssl.VERIFY_X509_STRICT))"
    )
    command = [*first.removeprefix("#!").split(), "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "True"


class TestAuthority:
    """A root of trust for the servers of a test, as files: `ca`, and a certificate for each name.

    With `key_usage` it is one that every client takes; without, as many private authorities are, not by newer ones.
    """

    __test__ = False

    def __init__(self, directory: Path, *, key_usage: bool = True) -> None:
        self.directory = directory
        self.ca = directory / "ca.pem"
        extensions = ("-addext", "keyUsage=critical,keyCertSign,cRLSign") if key_usage else ()
        openssl("req", "-x509", *EC_KEY, "-subj", "/CN=test root", "-days", "2", *extensions,
                "-keyout", directory / "ca.key", "-out", self.ca)  # fmt: skip

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return a certificate for `name`, and its key."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        openssl("req", *EC_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.directory / "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate)  # fmt: skip
        return certificate, key


EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments: Any) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


class Pebble:
    """The ACME test server; `url` is its directory. It accepts every challenge, and its state is lost when it ends."""

    def __init__(self, directory: Path, authority: TestAuthority, *, valid_seconds: int) -> None:
        self.log = directory / "pebble.log"
        port, management = free_port(), free_port()
        certificate, key = authority.issue("localhost")
        settings = directory / "pebble.json"
        settings.write_text(
            json.dumps(
                {
                    "pebble": {
                        "listenAddress": f"127.0.0.1:{port}",
                        "managementListenAddress": f"127.0.0.1:{management}",
                        "certificate": str(certificate),
                        "privateKey": str(key),
                        "httpPort": 5002,
                        "tlsPort": 5001,
                        "certificateValidityPeriod": valid_seconds,
                        # What newer ones read instead, such as 2.10.
                        "profiles": {"default": {"description": "", "validityPeriod": valid_seconds}},
                    }
                }
            )
        )
        self.url = f"https://localhost:{port}/dir"
        self._management, self._authority = f"https://localhost:{management}", authority.ca
        environ = {**os.environ, "PEBBLE_VA_ALWAYS_VALID": "1", "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                ["pebble", "-config", str(settings)], env=environ, stdout=output, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"pebble did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    @property
    def root(self) -> str:
        """The root of what it issues, in PEM; another one each time that it starts."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self._authority)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(f"{self._management}/roots/0", timeout=_START_SECONDS) as answer:
            return str(answer.read().decode())

    @property
    def orders(self) -> int:
        """How many certificates it was asked for."""
        return len(re.findall(r"POST /order-plz", self.log.read_text(errors="replace")))

    @property
    def accounts(self) -> int:
        return len(re.findall(r"There are now (\d+) accounts", self.log.read_text(errors="replace")))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Route53:
    """A proxy for HTTPS that leads to Route 53 alone: it ends TLS under that name, with the simulated AWS behind."""

    def __init__(self, authority: TestAuthority, aws: Aws) -> None:
        certificate, key = authority.issue(ROUTE53)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._aws = aws.address
        self.asked_for: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            asked = b""
            while b"\r\n\r\n" not in asked:
                part = connection.recv(4096)
                if not part:
                    return
                asked += part
            line = asked.split(b"\r\n", 1)[0].decode("latin-1")
            self.asked_for.append(line)
            if not line.startswith(f"CONNECT {ROUTE53}:443 "):
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with (
                self._context.wrap_socket(connection, server_side=True) as inside,
                socket.create_connection(self._aws, 30) as behind,
            ):
                back = threading.Thread(target=_pump, args=[behind, inside], daemon=True)
                back.start()
                _pump(inside, behind)
                back.join(30)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Acme:
    """Everything that certbot talks to, and how the environment tells it."""

    def __init__(
        self, directory: Path, aws: Aws, *, valid_seconds: int = 90 * 24 * 3600, key_usage: bool = True
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.authority = TestAuthority(directory, key_usage=key_usage)
        self.pebble = Pebble(directory, self.authority, valid_seconds=valid_seconds)
        self.route53 = Route53(self.authority, aws)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "HTTPS_PROXY": self.route53.url,
            # Newer ones would take AWS_ENDPOINT_URL for Route 53 as well, past the proxy.
            "AWS_ENDPOINT_URL_ROUTE_53": f"https://{ROUTE53}",
            "NO_PROXY": "127.0.0.1,localhost",
            "AWS_CA_BUNDLE": str(self.authority.ca),
            "REQUESTS_CA_BUNDLE": str(self.authority.ca),
        }

    def stop(self) -> None:
        self.pebble.stop()
        self.route53.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(
    directory: Path, aws: Aws, *, valid_seconds: Optional[int] = None, key_usage: bool = True
) -> Iterator[Acme]:
    given = {} if valid_seconds is None else {"valid_seconds": valid_seconds}
    made = Acme(directory, aws, key_usage=key_usage, **given)
    try:
        yield made
    finally:
        made.stop()
