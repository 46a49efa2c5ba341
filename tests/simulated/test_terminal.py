"""What is known of a terminal: its width, its colors, and when it has none."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap.host import terminal

CHECKOUT = Path(__file__).resolve().parents[2]
# One process can read the description of one terminal only.
PROGRAM = """
import sys
from teleport_bootstrap.host import terminal
found = terminal.screen(sys.stdout)
sys.stderr.write(repr(None if found is None else (found.columns, found.paint(terminal.ADDED, "x"), found.end)))
"""


def seen(columns: int = 80, **environ: str) -> Any:
    """What a program finds that runs on a pseudo-terminal with these variables."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            stdout=theirs,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(CHECKOUT), "PATH": os.defpath, **environ},
            check=True,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return eval(done.stderr)


def test_issue_15_terminal_1_a_terminal_has_its_width_and_colors() -> None:
    columns, painted, _ = seen(132, TERM="xterm-256color")
    assert columns == 132 and painted.startswith("\x1b[32mx\x1b")


@pytest.mark.parametrize("name", ["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm"])
def test_issue_15_terminal_1_a_terminal_without_a_description_here_that_is_like_xterm_has_colors(name: str) -> None:
    assert seen(TERM=name, TERMINFO="/nonexistent")[1].startswith("\x1b[32mx")


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {}])
def test_issue_15_terminal_1_a_dumb_terminal_is_like_a_pipe(environ: dict[str, str]) -> None:
    assert seen(**environ) is None


@pytest.mark.parametrize(
    "environ", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "vt100"}, {"TERM": "no-such-terminal"}]
)
def test_issue_15_terminal_1_without_colors_the_layout_is_the_same(environ: dict[str, str]) -> None:
    assert seen(100, **environ) == (100, "x", "")


def test_issue_15_terminal_1_a_file_is_not_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.screen(io.StringIO()) is None
    with open(os.devnull) as file:
        assert terminal.screen(file) is None


def test_issue_15_terminal_1_nothing_of_it_is_loaded_where_there_is_no_terminal() -> None:
    program = (
        "import sys; from teleport_bootstrap.cli import main; main.parser(['status']); "
        "main.output.screen_of_result(); print(sorted({'curses', '_curses', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(CHECKOUT), "PATH": os.defpath, "TERM": "xterm"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
