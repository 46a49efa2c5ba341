"""Starts `tests.fuzz.child`, with limits of time and memory, and reads what it did."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

# For one input, and for the whole process.
INPUT_SECONDS = 10
MEGABYTES = 1024
# The kernel counts the peak memory of the process that called exec() as the new program's own: a shell in between keeps
# that of the tests, which may be above the limit, out of it.
_APART = ("/bin/sh", "-c", '"$@"; exit $?', "sh")
_LIMITS = (f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={MEGABYTES}", "-reload=0")

_DONE = re.compile(r"^#(\d+)\s+DONE(?:\s+cov: (\d+) ft: (\d+))?", re.MULTILINE)
_ARTIFACT = re.compile(r"^(?:.*Test unit written to|fault is in) (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """One run: inputs tried, edges and features reached (0 where they are not counted), and the file of a fault."""

    name: str
    executions: int
    edges: int
    features: int
    seconds: float
    output: str
    fault: str

    def line(self) -> str:
        """Return what happened, for a person who watches."""
        how = f"fault: {self.fault}" if self.fault else f"{self.edges} edges, {self.features} features"
        return f"{self.name:18} {self.executions:9} inputs in {self.seconds:5.0f} s, {how}"


def run(name: str, work: Path, *, seconds: float, artifacts: Path, options: Iterable[str] = ()) -> Result:
    """Run a target for so many seconds; the inputs in `work` come first, and new ones that are useful join them."""
    begun = time.monotonic()
    limits = (f"-max_total_time={max(1, round(seconds))}", f"-artifact_prefix={artifacts}")
    done = _started(_command(name, name, *limits, *options, str(work)))
    found = _DONE.search(done.stdout)
    executions, edges, features = (int(each or 0) for each in found.groups()) if found else (0, 0, 0)
    written = _ARTIFACT.search(done.stdout)
    fault = "" if done.returncode == 0 else written[1] if written else f"status {done.returncode}, without an input"
    return Result(name, executions, edges, features, time.monotonic() - begun, _told(done.stdout), fault)


def replay(name: str, path: Path) -> int:
    """Run one input, with its output on the terminal; return the status."""
    return subprocess.run(
        _command(name, name, str(path.resolve())), cwd=CHECKOUT, env=_environment(), check=False
    ).returncode


def useful(name: str, work: Path) -> list[bytes]:
    """Return the fewest inputs in `work` that reach all edges, the smallest first; all without the guided fuzzer."""
    with tempfile.TemporaryDirectory() as scratch:
        again, chosen = Path(scratch) / "again", Path(scratch) / "chosen"
        again.write_text(f'#!/bin/sh\nexec {shlex.join(_command("again", name))} "$@"\n', encoding="utf-8")
        again.chmod(0o700)
        chosen.mkdir()
        done = _started(_command(str(again), name, "-set_cover_merge=1", str(chosen), str(work)))
        paths = list(chosen.iterdir()) if done.returncode == 0 else []
        return sorted((path.read_bytes() for path in paths or work.iterdir()), key=lambda each: (len(each), each))


def _told(output: str) -> str:
    """Return the end of what a process printed, without the modules that it has loaded."""
    return "\n".join(line for line in output.splitlines() if not line.startswith("INFO: Instrumenting"))[-6000:]


def _started(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_APART, *command],
        cwd=CHECKOUT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # atheris prints the traceback on one, libFuzzer what it does on the other
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )


def _command(program: str, name: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "tests.fuzz.child", program, name, *_LIMITS, *options]


def _environment() -> dict[str, str]:
    """Return ours, with the order of sets fixed, so that an input does the same each time."""
    return {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(CHECKOUT)}
