"""Calls to AWS go through an outbound proxy, where the environment names one; those to instance metadata never do."""

from __future__ import annotations

import http.client
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from urllib3.util import ssl_

from tests.simulated.acme import TestAuthority
from tests.simulated.agent import PIN, TOKEN, Agent
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
TOKEN_FILE = "/var/lib/teleport/token"


class Proxy:
    """An outbound proxy for plain HTTP, which sends everything to one server and remembers what it was asked for."""

    def __init__(self, target: str) -> None:
        asked: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                to = http.client.HTTPConnection(urlsplit(target).netloc, timeout=20)
                named = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                to.request("POST", urlsplit(self.path).path or "/", body, named)
                answer = to.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST  # noqa: N815 - the names that http.server calls
            do_PUT = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.asked = asked
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def proxy(aws: Aws) -> Iterator[Proxy]:
    proxy = Proxy(aws.url)
    yield proxy
    proxy.stop()


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server, aws: Aws, proxy: Proxy) -> Agent:
    root = tmp_path / "root"
    (root / "etc/teleport.d").mkdir(parents=True)
    aws.put_parameters({"/teleport/cluster-1/tokens/node": TOKEN})
    aws.put_parameters({"/teleport/cluster-1/ca-pin-hash": PIN}, kind="String")
    # A host that only the proxy knows.
    found = Agent(root, imds=imds.url, aws="http://ssm.example.invalid", environ={"HTTP_PROXY": proxy.url})
    found.conf(NODE)
    return found


def test_calls_to_aws_go_through_the_proxy_and_those_to_metadata_do_not(
    agent: Agent, proxy: Proxy, imds: emulator.Server
) -> None:
    done = agent.generate()
    assert done.status == 0, done.errors
    assert agent.path(TOKEN_FILE).read_text() == f"{TOKEN}\n"
    assert proxy.asked
    assert {urlsplit(each).hostname for each in proxy.asked} == {"ssm.example.invalid"}
    assert imds.service.gets()


def test_no_proxy_leaves_a_host_out(agent: Agent, proxy: Proxy) -> None:
    agent.environ["NO_PROXY"] = ".example.invalid"
    assert agent.run("fetch-secrets", "--wait", "2").status == 10
    assert proxy.asked == []


def test_a_missing_ca_bundle_is_named(agent: Agent) -> None:
    agent.environ["AWS_CA_BUNDLE"] = "/nonexistent/ca.pem"
    done = agent.run("fetch-secrets", "--wait", "2")
    assert done.status != 0
    assert "AWS_CA_BUNDLE names /nonexistent/ca.pem" in done.errors


def test_the_password_of_a_proxy_is_in_no_message(agent: Agent) -> None:
    agent.environ["HTTP_PROXY"] = "http://user:planted-password@127.0.0.1:9"
    done = agent.run("fetch-secrets", "--wait", "2", "--log-level", "debug")
    assert done.status == 10
    assert "planted-password" not in done.output + done.errors


class _Refusing(http.server.BaseHTTPRequestHandler):
    """An AWS service that answers every call with an error."""

    def do_POST(self) -> None:
        body = b'{"__type": "ValidationException", "message": "planted"}'
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("key_usage", [True, False])
def test_issue_17_row_5_an_authority_of_a_proxy_that_newer_systems_refuse_gets_its_remedy(
    agent: Agent, tmp_path: Path, key_usage: bool
) -> None:
    """As where a proxy intercepts TLS. Whether it is refused depends on Python and urllib3."""
    authority = TestAuthority(tmp_path, key_usage=key_usage)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("localhost"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    agent.aws = f"https://localhost:{server.server_port}"
    agent.environ = {"AWS_CA_BUNDLE": str(authority.ca)}

    done = agent.run("fetch-secrets", "--wait", "5")

    server.shutdown()
    server.server_close()
    is_strict = bool(ssl_.create_urllib3_context().verify_flags & ssl.VERIFY_X509_STRICT)
    assert done.status != 0
    if is_strict and not key_usage:
        assert "CA cert does not include key usage extension" in done.errors, done.errors
        assert "keyUsage=critical,keyCertSign,cRLSign" in done.errors
    else:
        assert "planted" in done.errors, "the connection was made"
