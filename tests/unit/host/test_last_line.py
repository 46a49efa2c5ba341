"""What is under way has the last line of the terminal for itself, and other lines never run into it."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator

import pytest

from teleport_bootstrap.host import clock, last_line, log_records, output, underway
from tests.simulated.terminal import screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    yield Terminal()


def test_issue_15_terminal_3_log_lines_never_run_into_the_progress_line(terminal: Terminal) -> None:
    handler = log_records.Lines(for_journal=False)
    with contextlib.redirect_stderr(terminal):
        _log(handler, terminal)


def _log(handler: log_records.Lines, terminal: Terminal) -> None:
    output.redraw("unpacking: 1.0 GB of 4.0 GB (25%)")
    handler.emit(logging.LogRecord("x", logging.INFO, "x", 1, "short", (), None))
    assert screen(terminal.getvalue()) == ["short", "unpacking: 1.0 GB of 4.0 GB (25%)"]
    output.redraw("unpacking: 2.0 GB of 4.0 GB (50%)")
    output.note("a message that is much longer than the line of the progress")
    output.failure("trouble", "what to do")
    output.redraw("")
    shown = [line for line in screen(terminal.getvalue()) if line]
    assert shown[0] == "short"
    assert not any("unpacking" in line for line in shown)
    assert " ".join(" ".join(shown[1:]).split()) == (
        "teleport-bootstrap: a message that is much longer than the line of the progress "
        "teleport-bootstrap: trouble what to do"
    )


def test_issue_15_terminal_3_a_question_is_not_drawn_over(terminal: Terminal) -> None:
    with contextlib.redirect_stderr(terminal):
        output.redraw("unpacking: 1.0 GB")
        output.question(["Restore this?"])
    assert screen(terminal.getvalue()) == ["Restore this? [y/N]"]
    assert last_line.drawn() == ""


def test_issue_15_terminal_3_a_line_is_cut_and_cleared(terminal: Terminal) -> None:
    for text, shown in (("x" * 100, "x" * 59), ("y", "y"), ("", "")):
        output.redraw(text, terminal)
        assert screen(terminal.getvalue()) == [shown]


def test_issue_15_terminal_3_a_wait_says_what_for_why_and_how_long(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = [100.0]
    time = clock.Clock(monotonic=lambda: now[0])
    with underway.displayed("waiting for SSM", 60.0, clock=time) as wait:
        now[0] += 12
        assert wait.text() == "waiting for SSM, 12 s of 1 min 00 s"
        wait.because("connection refused")
        assert wait.text() == "waiting for SSM, 12 s of 1 min 00 s: connection refused"
    assert caplog.messages == ["waiting for SSM took 12 s"]
    caplog.clear()
    with underway.displayed("waiting for SSM", 60.0, clock=time):
        now[0] += 1
    assert caplog.messages == []
