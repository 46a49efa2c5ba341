"""A machine that is short of memory or descriptors, has a wrong clock, or gives odd answers: a status, no traceback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.cli import entry
from teleport_bootstrap.host import clock, process, systemd
from tests.simulated.agent import CHECKOUT, GUIDE, Agent
from tests.simulated.kill_sweep import EVERY_CALL
from tests.simulated_ec2 import imds as emulator

ODD = ("", "n/a", "[not set]", "-1", "1.5", "0x10", "१२", str(2**64 - 1), "9" * 400, " 7", "\0")
# Each property whose value is read as a number, found in the code.
NUMBERS = sorted(set(re.findall(r'_number\(fields, "(\w+)"\)', Path(systemd.__file__).read_text())))


def answers(folder: Path, monkeypatch: pytest.MonkeyPatch, output: bytes) -> None:
    """Put a systemctl first in PATH that prints this."""
    (folder / "output").write_bytes(output)
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\nexec cat '{folder}/output'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_no_number_of_systemd_is_read_without_care() -> None:
    assert len(NUMBERS) >= 4
    assert not re.search(r"\b(?:int|float)\(fields", Path(systemd.__file__).read_text())


@pytest.mark.parametrize("name", NUMBERS)
def test_row_11_a_property_that_is_not_a_number(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 14, row 11: non-numeric MainPID, and every other property that is a number."""
    for value in ODD:
        answers(tmp_path, monkeypatch, f"Id=a.service\nActiveState=active\n{name}={value}\n".encode())
        for ask in (lambda: systemd.states(["a.service"]), lambda: systemd.succeeded_at("a.service")):
            try:
                ask()
            except errors.UnitTrouble as error:
                assert name in error.message and "is not a number" in error.message


@pytest.mark.parametrize("output", [b"", b"\n\n\n", b"=\n", b"\xff\xfe\0\n", b"Id\n", b"Id=\n\nId=\n", b"x" * 100_000])
def test_row_11_an_answer_of_systemctl_that_has_no_properties(
    output: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(tmp_path, monkeypatch, output)
    assert systemd.states(["a.service"]) == {"a.service": systemd.State()}
    assert systemd.succeeded_at("a.service") is None
    assert systemd.environment("a.service") == {}
    assert systemd.is_boot_under_way() is False


@pytest.mark.parametrize("moment", [-1e300, -1e12, -1.0, 0.0, 2.0**31, 2.0**32, 2.0**63, 1e300, float("inf")])
def test_row_11_a_moment_that_no_calendar_has(moment: float) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", clock.iso(moment))


def test_row_11_only_the_clock_turns_moments_into_dates() -> None:
    """Other modules would fail at a moment that no calendar has; of the two exceptions, one catches that itself."""
    calls = {
        str(path.relative_to(CHECKOUT / "teleport_bootstrap"))
        for path in (CHECKOUT / "teleport_bootstrap").rglob("*.py")
        if "fromtimestamp(" in path.read_text()
    }
    assert calls == {"host/clock.py", "cluster/lock.py", "manual/roff.py"}
    assert clock.calendar(1e300).year == 9999 and clock.calendar(-1e300).year == 1


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    agent.write("/var/lib/teleport/host_uuid", "6f0f\n")
    (tmp_path / "backups").mkdir(mode=0o700)
    return agent


COMMANDS = {
    "status": ("status",),
    "render": ("render",),
    "generate": ("generate", "--wait", "5"),
    "backup": ("backup", "../backups"),
    "collect-logs": ("collect-logs", "--output", "../bundle.tar.gz"),
}


def judged(agent: Agent, *command: str, prefix: tuple[str, ...] = ()) -> int:
    done = agent.run(*command, prefix=prefix)
    assert done.status in errors.MEANINGS and done.status != errors.INTERNAL, (command, done.errors)
    assert "Traceback" not in done.errors and "Exception" not in done.errors, done.errors
    return done.status


@pytest.mark.parametrize("command", COMMANDS)
def test_row_11_the_clock_is_far_off(agent: Agent, tmp_path: Path, command: str) -> None:
    """200 years ahead, and at 1970."""
    fake = tmp_path / "fake"
    fake.mkdir()
    for moment in (8_080_000_000, 0) if EVERY_CALL or command == "collect-logs" else (8_080_000_000,):
        (fake / "sitecustomize.py").write_text(
            f"import time\nbegan = time.monotonic()\ntime.time = lambda: {moment} + time.monotonic() - began\n"
        )
        agent.environ = {"PYTHONPATH": f"{fake}:{CHECKOUT}"}
        assert judged(agent, *command_words(command, moment)) in (0, 9)


def command_words(command: str, number: int) -> list[str]:
    return [each.replace("bundle", f"bundle-{number}") for each in COMMANDS[command]]


LIMITS = {"n": (5, 6, 7, 8, 10, 13, 16, 20, 32), "v": (30_000, 45_000, 60_000, 75_000, 90_000), "f": (0, 1)}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("command", COMMANDS)
def test_row_11_few_descriptors_little_memory_and_small_files(agent: Agent, command: str, limit: str) -> None:
    number = list(COMMANDS).index(command)
    values = LIMITS[limit] if EVERY_CALL else {LIMITS[limit][number % len(LIMITS[limit])], LIMITS[limit][0]}
    for value in values:
        prefix = ("bash", "-c", f'ulimit -{limit} {value}; exec "$@"', "bash")
        plain = subprocess.run([*prefix, sys.executable, "-c", "import json, signal"], check=False, capture_output=True)
        if plain.returncode == 0:  # otherwise the interpreter itself does not start
            judged(agent, *command_words(command, value), prefix=prefix)
    agent.environ = {}
    assert judged(agent, *COMMANDS["generate"]) == 0, "the next command has nothing to repair that it cannot"


@pytest.mark.parametrize(
    "file", ["teleport_bootstrap/cli/main.py", "/argparse.py", "teleport_bootstrap/cli/status.py", "/yaml/__init__.py"]
)
def test_row_11_ctrl_c_while_modules_are_loaded(agent: Agent, tmp_path: Path, file: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "def interrupt(event, arguments):\n"
        f"    if event == 'exec' and getattr(arguments[0], 'co_filename', '').endswith({file!r}):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.addaudithook(interrupt)\n"
    )
    agent.environ = {"PYTHONPATH": f"{tmp_path}:{CHECKOUT}"}
    done = agent.run("status")
    assert (done.status, done.errors) == (errors.INTERRUPTED, "teleport-bootstrap: interrupted\n")


def ignores_children() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def blocks_everything() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))


@pytest.mark.parametrize("arrange", [ignores_children, blocks_everything])
def test_row_11_a_caller_cannot_make_a_failed_child_look_well(arrange: Callable[[], None]) -> None:
    """With SIGCHLD ignored, Python's own answer is that every child has succeeded."""
    program = (
        "from teleport_bootstrap.cli import entry\nentry._have_own_signals()\nimport signal\n"
        "from teleport_bootstrap.host import process\n"
        "done = process.run(['false'], most_bytes=9, timeout_seconds=20)\n"
        "print(done.status, signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        preexec_fn=arrange,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "1 set()\n", done.stderr


def test_row_11_the_statuses_of_the_entry_are_those_of_the_catalogue() -> None:
    assert (entry._NO_RESOURCES, entry._INTERRUPTED) == (errors.RESOURCES, errors.INTERRUPTED)
    assert process.NOT_RUN not in errors.MEANINGS
