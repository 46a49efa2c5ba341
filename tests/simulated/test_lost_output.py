"""Output that is lost: the status is that of the host, and what a command is run for is not lost silently."""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.cli import main
from teleport_bootstrap.host import streams
from tests.simulated.agent import CHECKOUT, GUIDE, Agent, contents
from tests.simulated.kill_sweep import EVERY_CALL
from tests.simulated_ec2 import imds as emulator

# What a command needs beside its name; every other command of the parser is run by its name alone.
ARGUMENTS = {
    "metadata": ("instance-id",),
    "generate": ("--wait", "20"),
    "reconfigure": ("--yes", "--wait", "20"),
    "rollback": ("--yes",),
    "restore": ("--yes", "--wait", "1"),
    "certificate": ("install", "--wait", "1"),
    "fetch-secrets": ("--wait", "1"),
    "publish-tokens": ("--wait", "1"),
    "signal": ("--wait", "1"),
    "first-admin": ("alice", "--wait", "1"),
    "backup create": ("DIRECTORY",),
    "backup list": ("DIRECTORY",),
    "backup verify": ("DIRECTORY/archive",),
}


def every_command(parser: Optional[argparse.ArgumentParser] = None) -> Iterator[str]:
    """Yield the commands that the parser knows, with those below them."""
    for action in (parser or main.parser())._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                deeper = list(every_command(below))
                yield from (f"{name} {each}" for each in deeper) if deeper else (name,)


COMMANDS = tuple(every_command())


@contextlib.contextmanager
def full() -> Iterator[int]:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


@contextlib.contextmanager
def no_reader() -> Iterator[int]:
    ours, theirs = os.pipe()
    os.close(ours)
    yield theirs
    os.close(theirs)


@contextlib.contextmanager
def hung_up() -> Iterator[int]:
    """A terminal that is gone."""
    ours, theirs = os.openpty()
    os.close(ours)
    yield theirs
    os.close(theirs)


@contextlib.contextmanager
def stuck() -> Iterator[int]:
    """A pipe that is full, does not block, and is not read."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(theirs, bytes(4096))
    yield theirs
    os.close(ours)
    os.close(theirs)


@contextlib.contextmanager
def unwritable() -> Iterator[int]:
    descriptor = os.open("/dev/null", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@dataclass(frozen=True)
class Lost:
    """Where output goes, and whether a command that is run for its output has to say so."""

    open: Callable[[], contextlib.AbstractContextManager[Optional[int]]]
    is_error: bool = True


PLACES = {
    "full": Lost(full),
    "no reader": Lost(no_reader, is_error=False),
    "hung up": Lost(hung_up),
    "unwritable": Lost(unwritable),
    # The caller said that it wants none.
    "closed": Lost(contextlib.nullcontext, is_error=False),
    "stuck": Lost(stuck),
}
# Each takes as long as one waits for a reader.
QUICK = [each for each in PLACES if each != "stuck"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """The guide's instance after its first boot, with a backup."""
    server = emulator.Server()
    server.start()
    root = tmp_path_factory.mktemp("lost") / "root"
    root.mkdir()
    agent = Agent(root, imds=server.url)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    agent.write("/var/lib/teleport/host_uuid", "6f0f\n")
    directory = root.parent / "backups"
    directory.mkdir(mode=0o700)
    assert agent.run("backup", str(directory)).status == 0
    yield agent
    server.stop()


def words(agent: Agent, command: str) -> list[str]:
    directory = agent.root.parent / "backups"
    archive = next(iter(sorted(each for each in directory.iterdir() if each.suffix != ".json")), directory)
    given = [
        each.replace("DIRECTORY/archive", str(archive)).replace("DIRECTORY", str(directory))
        for each in ARGUMENTS.get(command, ())
    ]
    return [*command.split(), *given]


def run(agent: Agent, command: list[str], stdout: Optional[int], stderr: Optional[int]) -> tuple[int, str, str]:
    """Run the command with its output there, None for closed; return its status, and what it did print."""
    closing = " ".join([*([">&-"] if stdout is None else []), *(["2>&-"] if stderr is None else [])])
    done = subprocess.run(
        ["bash", "-c", f'"$@" {closing}', "bash", *agent.command(*command)],
        env=agent.environment(),
        cwd=agent.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE if stderr is None else stderr,
        check=False,
        timeout=120,
    )
    return done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode()


def test_every_command_is_known() -> None:
    assert set(ARGUMENTS) <= set(COMMANDS) and set(COMMANDS) >= main.PRINTING
    assert len(COMMANDS) >= 18


@pytest.mark.parametrize("command", COMMANDS)
def test_row_9_the_status_tells_what_happened_to_the_host(prepared: Agent, command: str) -> None:
    """Issue 14, row 9: exit 120 or 6 for what succeeded. Every command of the parser, and each stream."""
    given = words(prepared, command)
    if command not in main.PRINTING:
        # Twice: the first run may have something to do.
        run(prepared, given, subprocess.PIPE, subprocess.PIPE)
    status, printed, said = run(prepared, given, subprocess.PIPE, subprocess.PIPE)
    assert "Traceback" not in said and status in errors.MEANINGS
    number = COMMANDS.index(command)
    chosen = QUICK if EVERY_CALL else [QUICK[number % len(QUICK)]]
    for name in chosen:
        with PLACES[name].open() as place:
            again, kept, _ = run(prepared, given, subprocess.PIPE, place)
            assert again == status, f"stderr {name}"
            assert bool(kept) == bool(printed)
            again, _, shown = run(prepared, given, place, subprocess.PIPE)
            is_found = status in (0, 2, 9, 15, errors.CHECK_FAILED, errors.CHECK_WARNED)
            is_error = PLACES[name].is_error and command in main.PRINTING and printed and is_found
            assert again == (errors.FILES if is_error else status), f"stdout {name}: {shown}"
            assert "Traceback" not in shown and "Exception" not in shown
            assert ("standard output cannot be written" in shown) == bool(PLACES[name].is_error and printed)
            again, _, _ = run(prepared, given, place, place)
            assert again == (errors.FILES if is_error else status), f"both {name}"


@pytest.mark.parametrize("place", QUICK if EVERY_CALL else ["full", "closed"])
@pytest.mark.parametrize("command", [("generate", "--wait", "20"), ("backup", "create", "../more")])
def test_row_9_what_is_done_is_done_without_anyone_to_hear_of_it(
    tmp_path: Path, imds: emulator.Server, place: str, command: tuple[str, ...]
) -> None:
    agents = []
    for name in ("heard", "unheard"):
        root = tmp_path / name / "root"
        root.mkdir(parents=True)
        (tmp_path / name / "more").mkdir(mode=0o700)
        agent = Agent(root, imds=imds.url)
        agent.conf(GUIDE)
        assert command[0] == "generate" or agent.generate().status == 0
        agents.append(agent)
    heard, unheard = agents
    assert heard.run(*command).status == 0
    with PLACES[place].open() as lost:
        assert run(unheard, list(command), lost, lost)[0] == 0
    different = {
        path
        for path in {*contents(heard.root), *contents(unheard.root)}
        if contents(heard.root).get(path, ("",))[0] != contents(unheard.root).get(path, ("",))[0]
    }
    assert different == set()
    assert len(list((tmp_path / "unheard" / "more").iterdir())) == len(list((tmp_path / "heard" / "more").iterdir()))


@pytest.mark.parametrize("command", COMMANDS if EVERY_CALL else ("generate", "render"))
def test_row_9_a_reader_that_does_not_read_is_not_waited_for_long(
    prepared: Agent, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    shortened = prepared.root.parent / "shortened"
    shortened.mkdir(exist_ok=True)
    (shortened / "sitecustomize.py").write_text(
        "from teleport_bootstrap.host import streams\nstreams.MESSAGES_SECONDS = streams.RESULT_SECONDS = 0.5\n"
    )
    agent = Agent(prepared.root, imds=prepared.imds, environ={"PYTHONPATH": f"{shortened}:{CHECKOUT}"})
    given = words(agent, command)
    status, printed, _ = run(agent, given, subprocess.PIPE, subprocess.PIPE)
    with stuck() as place:
        assert run(agent, given, subprocess.PIPE, place)[0] == status
        again, _, said = run(agent, given, place, subprocess.PIPE)
        assert again == (errors.FILES if command in main.PRINTING and printed else status), said
        assert run(agent, given, place, place)[0] == again
        assert fcntl.fcntl(place, fcntl.F_GETFL) & os.O_NONBLOCK, "what others share is left as it is"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["restore", "--help"], ["bogus"]])
def test_row_9_help_and_mistakes_need_no_output_either(prepared: Agent, arguments: list[str]) -> None:
    usual = run(prepared, arguments, subprocess.PIPE, subprocess.PIPE)
    for name in QUICK:
        with PLACES[name].open() as place:
            assert run(prepared, arguments, subprocess.PIPE, place)[0] == usual[0]
            is_error = PLACES[name].is_error and usual[1]
            assert run(prepared, arguments, place, subprocess.PIPE)[0] == (errors.FILES if is_error else usual[0])


@pytest.mark.parametrize("given", ["closed", "empty", "hung up", "unreadable", "not blocking"])
@pytest.mark.parametrize("command", [("reconfigure",), ("rollback",), ("restore", "--undo"), ("restore", "/a")])
def test_row_9_without_an_answer_nothing_is_changed(
    prepared: Agent, tmp_path: Path, given: str, command: tuple[str, ...]
) -> None:
    root = tmp_path / "root"
    shutil.copytree(prepared.root, root, symlinks=True)
    agent = Agent(root, imds=prepared.imds)
    agent.conf(GUIDE + '\nTELEPORT_SSH_LABELS="env: prod"\n')
    before = contents(root)
    with contextlib.ExitStack() as opened:
        stdin: Optional[int] = None
        if given == "hung up":
            stdin = opened.enter_context(hung_up())
        elif given != "closed":
            how = {"empty": os.O_RDONLY, "unreadable": os.O_WRONLY, "not blocking": os.O_RDONLY | os.O_NONBLOCK}[given]
            if given == "not blocking":
                stdin, writer = os.pipe2(os.O_NONBLOCK)
                opened.callback(os.close, writer)
            else:
                stdin = os.open("/dev/null", how)
            opened.callback(os.close, stdin)
        done = subprocess.run(
            ["bash", "-c", f'"$@" {"<&-" if stdin is None else ""}', "bash", *agent.command(*command, "--wait", "20")],
            env=agent.environment(),
            cwd=root,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode in (errors.UNCONFIRMED, errors.FILES, errors.CONF_OR_USAGE), done.stderr
    assert "Traceback" not in done.stderr
    assert contents(root) == before


@pytest.mark.parametrize("given", ["closed", "unreadable", "not blocking", "hung up"])
def test_row_9_a_conf_on_standard_input_that_cannot_be_read(agent_root: Path, given: str) -> None:
    agent = Agent(agent_root)
    with contextlib.ExitStack() as opened:
        stdin: Optional[int] = None
        if given == "hung up":
            stdin = opened.enter_context(hung_up())
        elif given == "unreadable":
            stdin = os.open("/dev/null", os.O_WRONLY)
        elif given == "not blocking":
            stdin, writer = os.pipe2(os.O_NONBLOCK)
            opened.callback(os.close, writer)
        done = subprocess.run(
            ["bash", "-c", f'"$@" {"<&-" if stdin is None else ""}', "bash", *agent.command("validate", "--conf", "-")],
            env=agent.environment(),
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode in (errors.FILES, errors.CONF_OR_USAGE), done.stderr
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr


@pytest.fixture
def agent_root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def test_row_9_messages_wait_for_a_slow_reader_and_drop_what_it_never_reads() -> None:
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, 1031, 4096)
    messages = streams.Messages(theirs, "utf-8")
    messages._left = 0.3
    assert messages.write("x" * 100_000) == 100_000
    assert messages._left == 0.0
    assert len(os.read(ours, 65536)) == 4096
    messages.write("now it reads\n")
    assert os.read(ours, 65536) == b"now it reads\n"
    os.close(ours)
    assert messages.write("gone") == 4
    os.close(theirs)
    assert messages.write("gone") == 4


def test_row_9_a_result_that_cannot_be_written_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RESULT_SECONDS", 0.2)

    class Standing:
        def __init__(self, descriptor: int) -> None:
            self.fileno = lambda: descriptor

    for place, number in (
        (full, errno.ENOSPC),
        (no_reader, errno.EPIPE),
        (hung_up, errno.EIO),
        (stuck, errno.ETIMEDOUT),
    ):
        with place() as descriptor:
            monkeypatch.setattr("sys.stdout", Standing(descriptor))
            with pytest.raises(OSError) as caught:
                streams.write_result(b"x" * 100_000)
            monkeypatch.undo()
            assert caught.value.errno == number
            monkeypatch.setattr(streams, "RESULT_SECONDS", 0.2)
