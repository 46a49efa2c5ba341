"""Programs that this one starts: whatever they do, the wait for them and what is kept of their output have an end."""

from __future__ import annotations

import ast
import importlib
import os
import signal
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleport_bootstrap.host import filters, process
from tests.simulated.agent import CHECKOUT

PACKAGE = CHECKOUT / "teleport_bootstrap"
MOST = 4096
SECONDS = 0.6
# Beside the limit itself: to end a child gently, to kill it, and a busy machine.
SLACK = 2.0

# Each is what a child does. It prints the number of a process to look after, if it leaves one.
ENDLESS = {
    "prints without end": "while True: os.write(1, b'x' * 65536)",
    "prints lines without end": "while True: os.write(1, b'line\\n' * 9999)",
    "prints zero bytes without end": "while True: os.write(1, bytes(65536))",
}
ENDLESS_ERRORS = {
    "complains without end": "while True: os.write(2, b'line\\n' * 9999)",
    "complains in colors without end": "while True: os.write(2, b'\\x1b[31m' * 9999)",
}
SLOW = {
    "sleeps": "time.sleep(60)",
    "ignores SIGTERM": "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
    "blocks every signal": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64)); time.sleep(60)",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "prints a byte now and then": "while True: os.write(1, b'x'); time.sleep(0.2)",
    "prints a line now and then": "while True: os.write(1, b'x\\n'); time.sleep(0.2)",
    "closes its output": "os.close(1); os.close(2); time.sleep(60)",
    "closes everything": "os.closerange(0, 3); time.sleep(60)",
    "starts others that do not end": "os.fork(); os.fork(); time.sleep(60)",
    "starts others that do not read and do not end": "os.fork(); os.close(0); time.sleep(60)",
}
LEAVES = {
    "leaves one with its output open": "if os.fork(): print('whole', flush=True); os._exit(3)\ntime.sleep(60)",
    "leaves one in a session of its own": (
        "if os.fork(): print('whole', flush=True); os._exit(3)\nos.setsid(); time.sleep(60)"
    ),
    "leaves one with its messages open": (
        "if os.fork(): print('whole', flush=True); os._exit(3)\nos.close(1); time.sleep(60)"
    ),
}


def program(does: str) -> list[str]:
    return [sys.executable, "-S", "-c", f"import os, signal, sys, time\n{does}"]


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """End what a child has left behind on purpose."""
    marked = "TELEPORT_BOOTSTRAP_TEST_CHILD"
    os.environ[marked] = str(os.getpid())
    yield
    del os.environ[marked]
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                environ = Path("/proc", entry, "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"{marked}={os.getpid()}".encode() in environ:
                os.kill(int(entry), signal.SIGKILL)


def run(does: str, **more: object) -> tuple[process.Finished, float]:
    began = time.monotonic()
    done = process.run(program(does), **{"most_bytes": MOST, "timeout_seconds": SECONDS, **more})  # type: ignore[arg-type]
    return done, time.monotonic() - began


@pytest.mark.parametrize("kind", [*ENDLESS, *ENDLESS_ERRORS])
def test_row_7_a_child_that_never_stops_printing_is_ended_at_its_limit(kind: str) -> None:
    """Issue 14, row 7: `teleport version` that never stops printing took 5.8 GB."""
    tracemalloc.start()
    done, seconds = run({**ENDLESS, **ENDLESS_ERRORS}[kind], timeout_seconds=30)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done.status == process.TOO_MUCH and "printed too much" in done.describe()
    assert len(done.output) + len(done.errors) <= 2 * MOST
    assert most < 2 * 1024 * 1024 and seconds < 15


@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize("given", [b"", b"x" * 1024 * 1024], ids=["without input", "with input that it does not read"])
def test_row_2_a_child_that_does_not_end_is_ended_in_time(kind: str, given: bytes) -> None:
    """Issue 14, row 2: the same wall-clock limit for each child process."""
    done, seconds = run(SLOW[kind], stdin=given)
    assert done.status == process.TOO_LONG and done.describe().endswith("did not end in time: no end after 1 s")
    assert seconds < SECONDS + SLACK


@pytest.mark.parametrize("kind", LEAVES)
def test_row_2_what_a_child_leaves_running_is_not_waited_for(kind: str) -> None:
    """A process that it left keeps the pipes open; its own output and status count, as soon as it has ended."""
    done, seconds = run(LEAVES[kind], timeout_seconds=20)
    assert (done.status, done.output) == (3, "whole\n")
    assert seconds < 10
    found = process.excerpt(program(LEAVES[kind]), most_bytes=MOST, timeout_seconds=20)
    assert (found.text, found.cut) == ("whole\n", False)


@pytest.mark.parametrize("kind", [*ENDLESS, *ENDLESS_ERRORS, *SLOW])
def test_row_2_and_7_an_excerpt_ends_too(kind: str) -> None:
    began = time.monotonic()
    found = process.excerpt(
        program({**ENDLESS, **ENDLESS_ERRORS, **SLOW}[kind]), most_bytes=MOST, timeout_seconds=SECONDS
    )
    assert time.monotonic() - began < SECONDS + SLACK
    assert found.cut and len(found.text) <= MOST and (not found.text or found.text.endswith("\n"))
    assert bool(found.trouble) == (kind not in ENDLESS)


def test_row_7_what_a_child_started_is_ended_with_it(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    does = f"if not os.fork(): open({str(noted)!r}, 'w').write(str(os.getpid())); time.sleep(60)\ntime.sleep(60)"
    run(does)
    number = int(noted.read_text())
    for _ in range(50):
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.1)
    pytest.fail(f"process {number} still runs")


def test_a_child_that_ends_well_gets_all_its_input_and_loses_no_output() -> None:
    given = bytes(range(256)) * 4096
    done = process.run(
        program("data = sys.stdin.buffer.read(); sys.stdout.write(str(sum(data))); sys.stderr.write('é' * 500)"),
        most_bytes=MOST,
        timeout_seconds=30,
        stdin=given,
    )
    assert (done.status, done.output, done.errors) == (0, str(sum(given)), "é" * 500)


def test_a_child_may_end_without_reading_its_input() -> None:
    done, _ = run("print('no need')", stdin=b"x" * 1024 * 1024, timeout_seconds=30)
    assert (done.status, done.output) == (0, "no need\n")


@pytest.mark.parametrize("argv", [["/nowhere/program"], ["a\0b"], ["\ud800"], ["/"]])
def test_a_program_that_cannot_be_run_has_a_status_of_its_own(argv: list[str]) -> None:
    done = process.run(argv, most_bytes=MOST, timeout_seconds=SECONDS)
    assert done.status == process.NOT_RUN and done.errors
    assert "could not be run" in process.excerpt(argv, most_bytes=MOST, timeout_seconds=SECONDS).trouble


HOSTILE = b"\x1b]0;title\x07\x1b[2J\xff\xfe zero\0byte \xc2\x9b31mred\n"


def test_row_5_an_excerpt_has_no_escape_sequences_either() -> None:
    found = process.excerpt(program(f"os.write(1, {HOSTILE!r})"), most_bytes=MOST, timeout_seconds=30)
    done = process.run(program(f"os.write(1, {HOSTILE!r})"), most_bytes=MOST, timeout_seconds=30)
    assert found.text == done.output == "\ufffd\ufffd zero\0byte red\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGRTMIN + 3, signal.SIGABRT])
def test_a_child_that_is_ended_by_a_signal_is_described(number: int) -> None:
    done, _ = run(f"os.kill(os.getpid(), {int(number)})", timeout_seconds=30)
    assert done.status == -number and "was ended by " in done.describe()


FILTERS = {
    **ENDLESS_ERRORS,
    **{kind: does for kind, does in SLOW.items() if "closes" not in kind},
}


@pytest.mark.parametrize("kind", FILTERS)
def test_row_2_a_compressor_that_makes_no_progress_is_ended(kind: str) -> None:
    """Also one that gives a byte now and then, and one that only complains."""
    began = time.monotonic()
    with filters.Filter(program(FILTERS[kind]), idle_seconds=SECONDS) as compressor:
        pending = memoryview(b"x" * 4 * 1024 * 1024)
        while not compressor.ended:
            taken, _ = compressor.exchange(pending)
            pending = pending[taken:]
            if not pending:
                compressor.close_input()
    assert time.monotonic() - began < SECONDS + SLACK
    assert "for 1 s" in compressor.trouble


def test_row_5_the_last_words_of_a_compressor_are_plain_text() -> None:
    with filters.Filter(program(f"os.write(2, {HOSTILE!r}); sys.exit(3)"), idle_seconds=30) as compressor:
        while not compressor.ended:
            compressor.exchange(b"")
    assert compressor.trouble.endswith("ended with status 3: \ufffd\ufffd zero\\x00byte red")


# --- Each place in the code that starts a program ---

# Who may start a process by itself; all others use `host.process`.
STARTERS = {"host/process.py", "host/filters.py", "backup/databases.py"}
# What a child may print at most, and how long it may run, in bytes and seconds. certbot and a backup's own end are
# limited by what their callers say.
MOST_ANYWHERE = 16 * 1024 * 1024
LONGEST_ANYWHERE = 3600.0


def sources() -> dict[str, ast.Module]:
    return {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def calls() -> list[tuple[str, ast.Call]]:
    """Return each call of `process.run` and `process.excerpt`, with its file."""
    return [
        (name, node)
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "process"
        and node.func.attr in ("run", "excerpt")
    ]


def test_row_7_a_process_is_started_in_three_modules_only() -> None:
    def starts(node: ast.AST) -> bool:
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            owner, name = called.value.id, called.attr
            if owner == "subprocess":
                return name in ("run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput")
            return owner == "os" and name in ("system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp")
        if isinstance(node, ast.ImportFrom):
            return node.module in ("subprocess", "multiprocessing")
        return isinstance(node, ast.Import) and any(each.name in ("multiprocessing", "pty") for each in node.names)

    found = {name for name, tree in sources().items() if any(starts(node) for node in ast.walk(tree))}
    assert found == STARTERS


@pytest.mark.parametrize(("name", "call"), [pytest.param(*each, id=f"{each[0]}:{each[1].lineno}") for each in calls()])
def test_row_7_each_call_limits_its_child(name: str, call: ast.Call) -> None:
    """Issue 14, row 7: the walk finds the calls itself, so that a new one is covered."""
    module = importlib.import_module(f"teleport_bootstrap.{name[:-3].replace('/', '.')}")
    given = {each.arg: each.value for each in call.keywords}
    assert {"most_bytes", "timeout_seconds"} <= set(given)
    # A constant: no call leaves it to what it happens to be given.
    most = eval(compile(ast.Expression(given["most_bytes"]), name, "eval"), vars(module))
    assert 0 < most <= MOST_ANYWHERE
    seconds = given["timeout_seconds"]
    if isinstance(seconds, ast.Constant) or (isinstance(seconds, ast.Name) and seconds.id.strip("_").isupper()):
        assert 0 < eval(compile(ast.Expression(seconds), name, "eval"), vars(module)) <= LONGEST_ANYWHERE
    else:
        assert isinstance(seconds, (ast.Name, ast.Attribute)), "a parameter, or what is left of a deadline"


def test_the_walk_finds_the_calls() -> None:
    assert len(calls()) >= 15
