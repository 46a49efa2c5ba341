"""The binaries of a real Teleport: where they are, which version they are, and what they need to run."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

PROGRAMS = ("teleport", "tctl", "tsh")

DIRECTORY = os.environ.get("TELEPORT_BOOTSTRAP_REAL_TELEPORT", "")

# A binary that was built without the web pages ends with these words; with DEBUG it takes a directory instead.
_WITHOUT_ASSETS = "built without web assets"

_ASK = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)"


class Ended(NamedTuple):
    """How an attempt to run Teleport has ended: whether it got ready, whether it has ended by itself, what it said."""

    ready: bool
    gone: bool
    said: str


def obstacle() -> str:
    """The reason why no real Teleport can be run; empty if one can."""
    if not DIRECTORY:
        return "`./dev real-teleport DIR` names the directory of the binaries"
    missing = [name for name in PROGRAMS if not os.access(program(name), os.X_OK)]
    return f"{DIRECTORY} does not have {', '.join(missing)}" if missing else ""


def program(name: str) -> str:
    """The path of a program on the host."""
    return os.path.join(DIRECTORY, name)


@functools.cache
def version() -> tuple[int, int, int]:
    """The version of Teleport."""
    said = subprocess.run([program("teleport"), "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"v([0-9]+)\.([0-9]+)\.([0-9]+)", said)
    assert found is not None, said
    return int(found[1]), int(found[2]), int(found[3])


def all_in_one(scratch: Path) -> dict[str, Any]:
    """A document with which every Teleport starts, all of it on loopback."""
    return {
        "version": "v3",
        "teleport": {"nodename": "host-1", "data_dir": str(scratch / "data"), "log": {"output": "stderr"}},
        "auth_service": {"enabled": "yes", "listen_addr": "127.0.0.1:3025", "cluster_name": "example.com"},
        "proxy_service": {
            "enabled": "yes",
            "web_listen_addr": "127.0.0.1:3080",
            "tunnel_listen_addr": "127.0.0.1:3024",
            "public_addr": "teleport.example.com:443",
        },
        "ssh_service": {"enabled": "yes", "listen_addr": "127.0.0.1:3022"},
    }


@functools.cache
def needs_assets() -> bool:
    """Whether a proxy of this build needs a directory with web pages."""
    with tempfile.TemporaryDirectory() as name:
        # It says that it is ready before it looks for them.
        return _WITHOUT_ASSETS in _start(all_in_one(Path(name)), Path(name), 60, {}, 15).said


def assets(directory: Path, path: str) -> dict[str, str]:
    """Make a directory with the least of web pages where they are needed; return the variables that call it `path`."""
    if not needs_assets():
        return {}
    (directory / "app").mkdir(parents=True, exist_ok=True)  # Teleport ends without it too
    (directory / "index.html").write_text("<html></html>\n")
    return {"DEBUG": "1", "DEBUG_ASSETS_PATH": path}


def start(document: dict[str, Any], scratch: Path, *, seconds: float = 30, settle: float = 3) -> Ended:
    """Run Teleport in a network of its own until it ends, was ready for `settle` seconds, or `seconds` are over."""
    return _start(document, scratch, seconds, assets(scratch / "assets", str(scratch / "assets")), settle)


def _start(
    document: dict[str, Any], scratch: Path, seconds: float, environment: dict[str, str], settle: float
) -> Ended:
    (scratch / "teleport.yaml").write_text(json.dumps(document), "utf-8")
    command = [program("teleport"), "start", f"--config={scratch}/teleport.yaml", "--diag-addr=127.0.0.1:3000"]
    with open(scratch / "log", "w+b") as log:
        running = subprocess.Popen(
            ["unshare", "--net", "--", "/bin/sh", "-c", 'ip link set lo up; exec "$@"', "sh", *command],
            # A log output that Teleport does not know by name is a file in the working directory.
            cwd=scratch,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(scratch), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        began, ready_since = time.monotonic(), None
        try:
            while running.poll() is None and time.monotonic() - began < seconds:
                ready = _is_ready(running.pid)
                ready_since = (ready_since or time.monotonic()) if ready else None
                if ready_since is not None and time.monotonic() - ready_since >= settle:
                    break
                time.sleep(0.2)
            gone = running.poll() is not None
        finally:
            running.kill()
            running.wait()
        log.seek(0)
        return Ended(ready_since is not None and not gone, gone, log.read().decode("utf-8", "replace"))


def _is_ready(pid: int) -> bool:
    command = ["nsenter", "-t", str(pid), "-n", "/usr/bin/python3", "-c", _ASK, "http://127.0.0.1:3000/readyz"]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
