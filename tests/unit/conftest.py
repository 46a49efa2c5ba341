"""Unit tests are pure: what reaches for the network, a process or the clock belongs into tests/simulated."""

from __future__ import annotations

import os
import socket
import subprocess
import time

import pytest

_DOORS = [
    (socket.socket, "connect", "connects a socket"),
    (socket.socket, "connect_ex", "connects a socket"),
    (socket.socket, "bind", "binds a socket"),
    (socket.socket, "sendto", "sends through a socket"),
    (socket, "getaddrinfo", "looks up a name"),
    (subprocess.Popen, "__init__", "starts a process"),
    (os, "fork", "starts a process"),
    (os, "forkpty", "starts a process"),
    (os, "posix_spawn", "starts a process"),
    (os, "posix_spawnp", "starts a process"),
    (os, "system", "starts a process"),
    (time, "sleep", "sleeps"),
]


@pytest.fixture(autouse=True)
def _closed_doors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each door to the outside fail the test that opens it, even where the code catches every exception."""
    for owner, name, what in _DOORS:
        monkeypatch.setattr(owner, name, _refusal(what))


def _refusal(what: str):
    def refuse(*args: object, **named: object) -> None:
        pytest.fail(f"a unit test {what}; if it has to, it belongs into tests/simulated", pytrace=True)

    return refuse
