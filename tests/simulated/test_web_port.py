"""The web port of a stand-in Teleport, as the health check of this agent sees it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap.change import web_answer
from teleport_bootstrap.host import web_port
from tests.certificates import Authority
from tests.stand_in import install_teleport

NAME = "teleport.example.com"


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    found = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return found


@contextmanager
def teleport(scratch: Path, proxy: dict[str, Any], authentication: dict[str, Any], **switches: Any) -> Iterator[Any]:
    """A stand-in that serves all-in-one; yields its document."""
    auth, web, ssh, diagnostics = free_ports(4)
    document = {
        "version": "v3",
        "teleport": {"data_dir": str(scratch / "data")},
        "auth_service": {"listen_addr": f"127.0.0.1:{auth}", "authentication": authentication},
        "proxy_service": {"web_listen_addr": f"127.0.0.1:{web}", **proxy},
        "ssh_service": {"listen_addr": f"127.0.0.1:{ssh}"},
    }
    program = install_teleport(scratch / "bin", log=str(scratch / "log"), **switches)
    (scratch / "teleport.yaml").write_text(json.dumps(document))
    command = [str(program), "start", f"--config={scratch}/teleport.yaml", f"--diag-addr=127.0.0.1:{diagnostics}"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", web)) == 0:
                    break
            time.sleep(0.05)
        yield document
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize("kind", ["github", "saml", "oidc"])
@pytest.mark.parametrize(("connector", "status"), [(None, 400), ("our-idp", 404)], ids=["any", "a named one"])
def test_row_d_a_missing_connector_is_healthy_and_noted(
    tmp_path: Path, kind: str, connector: str | None, status: int
) -> None:
    authentication = {"type": kind, **({"connector_name": connector} if connector else {})}
    with teleport(tmp_path, {}, authentication) as document:
        answer = web_answer.ask(document, plain_http=False)
    assert (answer.trouble, answer.status) == ("", status)
    note = web_answer.note(document, answer.status)
    assert kind in note and "tctl create" in note and "200-499" in note and str(status) in note


def test_row_d_nothing_is_noted_once_the_connector_exists(tmp_path: Path) -> None:
    with teleport(tmp_path, {}, {"type": "saml"}, connectors=["saml"]) as document:
        answer = web_answer.ask(document, plain_http=False)
    assert (answer.trouble, answer.status, web_answer.note(document, answer.status)) == ("", 200, "")


def test_row_d_a_proxy_that_does_not_know_the_type_of_its_cluster_is_noted_too() -> None:
    note = web_answer.note({"auth_service": {"enabled": "no"}, "proxy_service": {}}, 400)
    assert "authentication.type" in note and "tctl create" in note and "matcher" in note


@pytest.mark.parametrize("status", [302, 500, 503])
def test_row_d_other_errors_are_noted_without_a_guess(status: int) -> None:
    note = web_answer.note({"auth_service": {"authentication": {"type": "github"}}}, status)
    assert str(status) in note and "load balancer" in note and "tctl" not in note and "matcher" not in note


@pytest.mark.parametrize("public", [f"{NAME}:443", [f"{NAME}:443", "other.example.com:443"], NAME])
@pytest.mark.parametrize("enabled", ["yes", True, "on"])
def test_row_o_the_public_name_is_asked_for_with_teleports_own_acme(
    tmp_path: Path, public: object, enabled: object
) -> None:
    proxy = {"public_addr": public, "acme": {"enabled": enabled, "email": "admin@example.com"}}
    with teleport(tmp_path, proxy, {"type": "local"}) as document:
        assert web_answer.ask(document, plain_http=False) == web_port.Answer(status=200)


@pytest.mark.parametrize("authority", ["issues", "refuses"])
def test_row_o_an_alert_means_alive_with_teleports_own_acme(tmp_path: Path, authority: str) -> None:
    public = NAME if authority == "refuses" else "192.0.2.1"
    proxy = {"public_addr": [f"{public}:443"], "acme": {"enabled": "yes"}}
    with teleport(tmp_path, proxy, {"type": "local"}, authority=authority) as document:
        assert web_answer.ask(document, plain_http=False) == web_port.Answer()
        # Without an ACME of its own nothing explains an alert.
        without = {**document, "proxy_service": {**document["proxy_service"], "acme": {"enabled": "no"}}}
        assert "ALERT" in web_answer.ask(without, plain_http=False).trouble


@contextmanager
def server(answer: Any) -> Iterator[int]:
    """A TCP server that calls `answer` with each connection, in a thread; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=[connection], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def test_row_o_a_handshake_that_waits_for_the_certificate_is_asked_again_without_a_name(tmp_path: Path) -> None:
    """As while an ACME authority takes its time: a handshake with the name hangs, one without ends at once."""
    issued = Authority().issue(NAME)
    (tmp_path / "pair.pem").write_text(issued.fullchain + issued.privkey)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")

    def choose(_: object, name: str | None, __: object) -> int:
        time.sleep(5 if name else 0)
        return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR

    context.sni_callback = choose  # type: ignore[assignment]

    def answer(connection: socket.socket) -> None:
        try:
            context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()

    with server(answer) as port:
        where = web_port.WebPort("127.0.0.1", port, server_name=NAME, has_own_acme=True)
        assert web_port.ask(where, seconds=0.5) == web_port.Answer()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"", "it closed the connection"),
        (b"SSH-2.0-Go\r\n", "it does not speak HTTP"),
        (b"x" * 100_000, "it does not speak HTTP"),
    ],
)
def test_row_d_other_protocols_are_not_an_answer(said: bytes, expected: str) -> None:
    def answer(connection: socket.socket) -> None:
        with connection:
            connection.recv(4096)
            connection.sendall(said)

    with server(answer) as port:
        assert expected in web_port.ask(web_port.WebPort("127.0.0.1", port, tls=False)).trouble


def test_an_answer_that_drips_ends_with_the_deadline() -> None:
    def answer(connection: socket.socket) -> None:
        with connection:
            for _ in range(100):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
                time.sleep(0.1)

    began = time.monotonic()
    with server(answer) as port:
        assert web_port.ask(web_port.WebPort("127.0.0.1", port, tls=False), seconds=0.5).trouble
    assert time.monotonic() - began < 4


def test_a_closed_port_and_a_name_that_tls_cannot_carry_are_not_answers() -> None:
    (port,) = free_ports(1)
    assert "does not answer" in web_port.ask(web_port.WebPort("127.0.0.1", port)).trouble
    with server(lambda connection: connection.close()) as open_port:
        where = web_port.WebPort("127.0.0.1", open_port, server_name="." + "x" * 70)
        assert "does not answer" in web_port.ask(where).trouble
