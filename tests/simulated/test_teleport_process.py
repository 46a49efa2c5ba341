"""Which of Teleport's processes serves: real processes, real sockets, and a zombie."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import paths
from teleport_bootstrap.host import teleport_process

# Listens, and starts a successor with its own arguments, which shares the listener; SIGUSR1 makes it let go.
PROGRAM = """
import os, signal, socket, subprocess, sys, time
ends = []
if "HELD" in os.environ:
    held = socket.socket(fileno=int(os.environ["HELD"]))
    ends.append(int(os.environ["END"]))
else:
    held = socket.socket(getattr(socket, sys.argv[1]))
    held.bind((sys.argv[2], 0))
    held.listen()
    children = []
    def start(*_):
        fd = os.dup(held.fileno())  # which it forgets to close
        ends.extend(os.pipe())
        children.append(
            subprocess.Popen(
                [sys.executable, *sys.orig_argv[1:]], pass_fds=[fd, ends[1]], env={"HELD": str(fd), "END": str(ends[1])}
            )
        )
    signal.signal(signal.SIGHUP, start)
def let_go(*_):
    for end in ends:
        os.close(end)
    held.close()
signal.signal(signal.SIGUSR1, let_go)
print(held.getsockname()[1], flush=True)
while True:
    time.sleep(0.02)
"""


def eventually(is_so: Callable[[], Any]) -> Any:
    for _ in range(500):
        found = is_so()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("not within ten seconds")


@pytest.fixture(params=[("AF_INET", "127.0.0.1"), ("AF_INET6", "::1")], ids=["IPv4", "IPv6"])
def old(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A process that listens where the module looks."""
    family, address = request.param
    if family == "AF_INET6":
        try:
            socket.create_server((address, 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("IPv6 is not available here")
    program = PROGRAM.replace("*sys.orig_argv[1:]", "'-c', sys.argv[3], *sys.argv[1:]")
    argv = [sys.executable, "-c", program, family, address, program]
    started = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert started.stdout is not None
        monkeypatch.setattr(teleport_process, "_PORT", f":{int(started.stdout.readline()):04X}")
        yield started.pid
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.communicate()


def test_row_h_the_old_process_has_handed_over_when_it_has_closed_its_listener(old: int) -> None:
    before = teleport_process.about_to_be_reloaded(old)
    assert before.descriptors and teleport_process.is_listening(old)
    os.kill(old, signal.SIGHUP)
    (new,) = eventually(lambda: teleport_process.successors(old))
    eventually(lambda: teleport_process.is_listening(new))
    assert not before.has_handed_over(new) and teleport_process.waits_for(old, new)
    assert not teleport_process.is_listening(os.getpid())

    os.kill(old, signal.SIGUSR1)
    eventually(lambda: before.has_handed_over(new))
    assert teleport_process.is_listening(old), "the copy that it made for its successor"
    assert teleport_process.is_listening(new) and not teleport_process.waits_for(old, new)
    assert teleport_process.predecessor(new) == old


def test_row_a_a_successor_that_has_died_is_a_zombie(old: int) -> None:
    assert not teleport_process.has_dead_successor(old)
    os.kill(old, signal.SIGHUP)
    (new,) = eventually(lambda: teleport_process.successors(old))
    os.kill(new, signal.SIGKILL)
    eventually(lambda: teleport_process.has_dead_successor(old))
    assert not teleport_process.is_alive(new) and not teleport_process.is_listening(new)
    assert teleport_process.successors(old) == []
    assert teleport_process.is_alive(old) and 0 <= teleport_process.age(old) < 60


def test_row_h_the_pid_file_names_the_old_process_again_and_keeps_its_owner_and_mode(tmp_path: Path) -> None:
    root = paths.Root(str(tmp_path))
    file = Path(root.path(paths.PID_FILE))
    file.parent.mkdir(parents=True)
    teleport_process.write_pid_file(root, 7)
    assert not file.exists(), "Teleport makes it"
    file.write_text("41\n", encoding="ascii")
    file.chmod(0o640)
    owner = (4321, 4321) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(file, *owner)

    teleport_process.write_pid_file(root, 42)

    facts = file.stat()
    assert teleport_process.from_pid_file(root) == teleport_process.in_charge(root) == 42
    assert ((facts.st_uid, facts.st_gid), facts.st_mode & 0o777) == (owner, 0o640)
    assert list(file.parent.iterdir()) == [file]


def test_row_h_a_link_in_place_of_the_pid_file_is_not_followed(tmp_path: Path) -> None:
    root = paths.Root(str(tmp_path))
    file = Path(root.path(paths.PID_FILE))
    file.parent.mkdir(parents=True)
    target = tmp_path / "shadow"
    target.write_text("root", encoding="ascii")
    file.symlink_to(target)
    teleport_process.write_pid_file(root, 42)
    assert target.read_text(encoding="ascii") == "root" and file.is_symlink()


@pytest.mark.parametrize("kind", ["FIFO", "link", "directory", "huge", "words", "negative", "absent"])
def test_ignores_what_teleports_account_puts_in_place_of_the_pid_file(tmp_path: Path, kind: str) -> None:
    """Root reads it while it holds the lock: it must not wait for a writer of a named pipe, nor read without an end."""
    root = paths.Root(str(tmp_path))
    place = Path(root.path(paths.PID_FILE))
    place.parent.mkdir(parents=True)
    if kind == "FIFO":
        os.mkfifo(place)
    elif kind == "link":
        (tmp_path / "other").write_text("1\n")
        place.symlink_to(tmp_path / "other")
    elif kind == "directory":
        place.mkdir()
    elif kind == "huge":
        with open(place, "wb") as file:
            file.truncate(1024**3)
    elif kind != "absent":
        place.write_text("-1\n" if kind == "negative" else "1_0\n")
    assert teleport_process.from_pid_file(root) is None


def test_the_pid_file_names_a_process(tmp_path: Path) -> None:
    root = paths.Root(str(tmp_path))
    place = Path(root.path(paths.PID_FILE))
    place.parent.mkdir(parents=True)
    place.write_text(" 4711\n")
    assert teleport_process.from_pid_file(root) == 4711
