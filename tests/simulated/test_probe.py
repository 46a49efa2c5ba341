"""What this host's own Teleport answers, and what is made of it before anything is restarted."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from teleport_bootstrap.host import clock, probe
from teleport_bootstrap.operations import fetch_secrets


@contextmanager
def teleport(*answers: tuple[int, str]) -> Iterator[str]:
    """A server that gives these answers in turn, the last one ever after; yields its URL."""
    left = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = left.pop(0) if len(left) > 1 else left[0]
            content = f'{{"status":"{text}"}}'.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/readyz"
    finally:
        server.shutdown()
        server.server_close()


STARTING = (400, "teleport is starting and hasn't joined the cluster yet")
RECOVERING = (400, "teleport is recovering from a degraded state, check logs for details")
DEGRADED = (503, "teleport is in a degraded state, check logs for details")
READY = (200, "ok")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (READY, probe.READY),
        (STARTING, probe.STARTING),
        (RECOVERING, probe.RECOVERING),
        (DEGRADED, probe.DEGRADED),
        ((404, ""), "answering 404"),
    ],
)
def test_each_answer_is_recognized(monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str], expected: str) -> None:
    with teleport(answer) as url:
        monkeypatch.setattr(probe, "READY_URL", url)
        assert probe.readiness() == expected


def test_a_closed_port_and_a_silent_server_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        monkeypatch.setattr(probe, "READY_URL", f"http://127.0.0.1:{listener.getsockname()[1]}/readyz")
        assert probe.readiness() == probe.NOT_LISTENING
        listener.listen(1)
        assert probe.readiness() == probe.SILENT


@pytest.mark.parametrize(
    ("answers", "not_joined"),
    [
        ((STARTING,), True),
        ((READY,), False),
        ((DEGRADED,), False),
        ((RECOVERING,), False),
        ((STARTING, STARTING, READY), False),
        ((STARTING, RECOVERING), False),
    ],
)
def test_one_sign_of_having_joined_is_enough(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[tuple[int, str], ...], not_joined: bool
) -> None:
    monkeypatch.setattr(clock, "SYSTEM", clock.Clock(sleep=lambda _: None))
    with teleport(*answers) as url:
        monkeypatch.setattr(probe, "READY_URL", url)
        assert fetch_secrets.has_not_joined() is not_joined


def test_a_teleport_that_is_too_busy_to_answer_is_not_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        monkeypatch.setattr(probe, "READY_URL", f"http://127.0.0.1:{listener.getsockname()[1]}/readyz")
        assert fetch_secrets.has_not_joined() is False
