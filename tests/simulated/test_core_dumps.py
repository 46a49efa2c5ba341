"""Issue 14, canaries: no secret is in a core dump, since there is none."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.simulated.agent import Agent, needs_root

PROGRAM = """
import ctypes, os, resource, subprocess, sys
from teleport_bootstrap.host import core_dumps
core_dumps.prevent()
limit = subprocess.run([sys.executable, "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"],
                       capture_output=True, text=True).stdout.strip()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE), limit, flush=True)
open("/proc/self/fd/1").close()
os.abort()
"""


@needs_root
def test_the_agent_and_its_children_leave_no_core_dump(tmp_path: Path) -> None:
    """Issue 14, canaries: not dumpable, which also holds where the kernel gives dumps to a program."""
    agent = Agent(tmp_path)
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=agent.environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
    )
    assert done.returncode == -6, done.stderr
    assert done.stdout.strip() == "0 (0, 0) (0, 0)"
    assert os.listdir(tmp_path) == []


@needs_root
def test_the_command_is_not_dumpable_from_its_start(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    trace = tmp_path.with_name("trace")
    agent.run("variables", prefix=("strace", "-e", "trace=prctl,prlimit64,openat", "-o", str(trace)))
    text = trace.read_text(errors="replace")
    assert "PR_SET_DUMPABLE" in text and "RLIMIT_CORE" in text
    opened = [line for line in text[: text.index("PR_SET_DUMPABLE")].splitlines() if f"{tmp_path}/" in line]
    assert not opened, "before it reads anything of this host"
