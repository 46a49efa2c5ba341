"""What tests check on a machine."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Optional

from tests.boot import instance
from tests.boot.machine import Machine

# Runs inside, where the addresses are; certificates are self-signed.
_FETCH = """
import json, ssl, sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=5, context=ssl._create_unverified_context())
    print(json.dumps([answer.status, answer.read().decode()]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, ""]))
except OSError as error:
    print(json.dumps([0, str(error)]))
"""


def fetch(machine: Machine, url: str) -> tuple[int, str]:
    """Status and body of the answer at `url` on the machine; status 0 and the reason if there is none."""
    status, body = json.loads(machine.run("python3", "-c", _FETCH, url))
    return status, body


def wait_until_ready(machine: Machine, unit: str, seconds: float = 30) -> None:
    """Wait until `unit` is active and its Teleport is ready."""

    def ready() -> bool:
        return machine.state(unit) == "active" and fetch(machine, "http://127.0.0.1:3000/readyz")[0] == 200

    machine.wait_for(ready, seconds, f"a ready Teleport in {unit}")


def assert_generated(machine: Machine) -> None:
    """Check that the generator ran and succeeded in this boot: a deleted job is not reported as a failure."""
    facts = machine.show(instance.GENERATE, "Result", "ExecMainStartTimestampMonotonic", "ExecMainStatus")
    assert facts["ExecMainStartTimestampMonotonic"] != "0", f"{instance.GENERATE} was never started"
    assert (facts["Result"], facts["ExecMainStatus"]) == ("success", "0"), machine.journal("-u", instance.GENERATE)


def assert_clean_boot(machine: Machine) -> None:
    """Check that nothing failed and no job was deleted, which only the console shows."""
    assert "ordering cycle" not in machine.console().lower()
    assert "deleted to break" not in machine.console().lower()
    failed = machine.run("systemctl", "list-units", "--failed", "--no-legend", "--plain")
    assert failed.strip() == ""


def markers(machine: Machine) -> list[str]:
    return sorted(path.name for path in machine.path("/etc/teleport.d").glob("role.*"))


def starts(machine: Machine) -> list[dict[str, Any]]:
    """Each start of the stand-in Teleport, in order: argv, pid, time."""
    path = machine.path("/var/lib/teleport-stand-in.log")
    if not path.exists():
        return []
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [record for record in records if record["event"] == "start"]


def snapshot(machine: Machine) -> dict[str, tuple[object, ...]]:
    """All files that the agent is responsible for, each with inode, time, owner and content."""
    found: dict[str, tuple[object, ...]] = {}
    roots = ["/etc/teleport.yaml", "/etc/teleport.d", "/etc/systemd/system", "/var/lib/teleport-bootstrap/unit.env"]
    for root in roots:
        start = machine.path(root)
        for path in [start, *sorted(start.rglob("*"))]:
            facts = path.lstat()
            content: Optional[str] = None
            if path.is_symlink():
                content = os.readlink(path)
            elif path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            # A temporary file changes the time of its directory; the content is listed anyway.
            written = 0 if path.is_dir() and not path.is_symlink() else facts.st_mtime_ns
            name = str(path.relative_to(machine.root))
            found[name] = (facts.st_ino, facts.st_mode, facts.st_uid, facts.st_gid, written, content)
    return found
