"""The unit layer refuses what does not belong into it."""

from __future__ import annotations

import os
import socket
import subprocess
import time

import pytest


def connect() -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", 9))


def bind() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def look_up() -> None:
    socket.create_connection(("localhost", 9))


def run() -> None:
    subprocess.run(["true"], check=False)


def run_in_a_shell() -> None:
    os.system("true")


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def sleep() -> None:
    time.sleep(0)


@pytest.mark.parametrize("opened", [connect, bind, look_up, run, run_in_a_shell, fork, sleep])
def test_a_unit_test_that_does_input_or_output_fails(opened) -> None:
    with pytest.raises(pytest.fail.Exception, match="belongs into tests/simulated"):
        opened()
