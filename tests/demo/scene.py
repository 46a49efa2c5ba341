"""What both demos are made of: a command on a simulated instance, and how a step is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

CHECKOUT = Path(__file__).resolve().parents[2]
TELEPORT_VERSION = "17.5.1"

# Neither a developer's AWS account nor a proxy has a part in this.
_FOREIGN = re.compile(r"(AWS_|TELEPORT_|USE_).*|(https?|all|no)_proxy", re.IGNORECASE)

BOLD, DIM, RED, GREEN, YELLOW, BLUE = "1", "2", "31", "32", "33", "36"

# What a line begins with, or what is in it, and how it is shown on a terminal.
_STYLES = (
    (re.compile(r"^\s*#"), DIM),
    (re.compile(r"^\s*\$ "), BOLD),
    (re.compile(r"^\s*(wrote|published|removed|asked to start|enabled) "), GREEN),
    (re.compile(r"^\s*(note|warning): | waits for "), YELLOW),
    (re.compile(r"^\s*error: "), RED),
)
_KEY = re.compile(r"^(\s*(?:- )?)([A-Za-z_][\w.-]*)(:|=)(?=\s|$|\S)")


def hide_foreign_settings() -> None:
    """Remove what the caller's environment says about AWS, Teleport and proxies."""
    for name in filter(_FOREIGN.fullmatch, list(os.environ)):
        del os.environ[name]


def run(
    root: Path, *arguments: str, environ: Optional[dict[str, str]] = None, log: str = "error"
) -> subprocess.CompletedProcess[str]:
    """Run the real command with `root` as its /; `environ` leads it to the simulated services."""
    process = start(root, *arguments, environ=environ, log=log)
    try:
        output, errors = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def start(
    root: Path, *arguments: str, environ: Optional[dict[str, str]] = None, log: str = "error"
) -> subprocess.Popen[str]:
    """Start it, and return the process."""
    return subprocess.Popen(
        [sys.executable, "-m", "teleport_bootstrap", "--root", str(root), "--log-level", log, *arguments],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **(environ or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def as_on_the_instance(root: Path, text: str) -> str:
    """Return `text` with paths as an instance has them, without the scratch directory in front."""
    return text.replace(str(root), "")


def failure(command: str, done: subprocess.CompletedProcess[str]) -> int:
    """Show why a command failed; return its exit status."""
    print(f"\nteleport-bootstrap {command} ended with status {done.returncode}:", file=sys.stderr)
    print(done.stderr, file=sys.stderr, end="")
    return done.returncode


def caption(text: str) -> None:
    """Print one line that says what follows."""
    print(f"\n{styled(f'── {text}', BOLD, BLUE)}\n", flush=True)


def say(text: str) -> None:
    """Print a sentence of the story."""
    print("\n".join(f"   {styled(line, BOLD) if line else ''}".rstrip() for line in text.splitlines()), flush=True)


def show(text: str) -> None:
    """Print what a caption announced, indented."""
    print("\n".join(f"   {line}".rstrip() for line in _coloured(text.strip("\n"))), flush=True)


def _coloured(text: str) -> Iterator[str]:
    for line in text.splitlines():
        style = next((style for pattern, style in _STYLES if pattern.search(line)), "")
        if style:
            yield styled(line, style)
        else:
            yield _KEY.sub(lambda found: f"{found[1]}{styled(found[2], BLUE)}{found[3]}", line)


def styled(text: str, *styles: str) -> str:
    """Return `text` in colour or bold on a terminal, plain elsewhere and with NO_COLOR."""
    return f"\033[{';'.join(styles)}m{text}\033[0m" if _is_colourful() else text


def _is_colourful() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
