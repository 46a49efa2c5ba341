"""A process that is told to exit by a signal cleans up first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.simulated.agent import CHECKOUT

PROGRAM = """
import signal, sys, time
from teleport_bootstrap.host import termination
if "ignored" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
with termination.as_exception():
    try:
        with termination.as_exception():
            print("ready", flush=True)
            time.sleep(30)
    finally:
        print("cleaning", flush=True)
        time.sleep(0.5)
        print("clean", flush=True)
"""


def started(*arguments: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_cleanup_runs_and_is_not_interrupted(number: signal.Signals) -> None:
    process = started()
    process.send_signal(number)
    assert process.stdout is not None
    assert process.stdout.readline() == b"cleaning\n"
    process.send_signal(number)
    assert process.stdout.readline() == b"clean\n"
    assert process.wait(10) == 128 + number


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    process = started("ignored")
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 128 + signal.SIGTERM


UNINTERRUPTED = """
import subprocess, time
from teleport_bootstrap.host import termination
with termination.as_exception():
    with termination.uninterrupted():
        print("ready", flush=True)
        done = subprocess.run(["sleep", "1"])
        print("finished", done.returncode, flush=True)
    time.sleep(30)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_waits_until_an_undo_is_finished(number: signal.Signals) -> None:
    """The programs that it runs are not ended either: a terminal sends Ctrl-C to all of them."""
    process = subprocess.Popen(
        [sys.executable, "-c", UNINTERRUPTED],
        env={"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.2)
    os.killpg(process.pid, number)
    assert process.stdout.readline() == b"finished 0\n"
    assert process.wait(10) in (128 + number, -number)
