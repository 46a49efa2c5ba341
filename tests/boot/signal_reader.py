"""CloudFormation and Auto Scaling on a machine's own loopback interface: what they hear, and what a group wants."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.boot import instance
from tests.boot.machine import Machine

UNIT, TIMER = "teleport-signal.service", "teleport-signal.timer"

_PORT = 4567
_SERVER = instance.LOCAL_SERVER_UNIT.format(command="/opt/signal_server.py /opt/signals", port=_PORT)


def install(machine: Machine) -> None:
    """Have the agent on `machine`, which is not booted yet, signal to the server there."""
    shutil.copy(Path(__file__).with_name("signal_server.py"), machine.path("/opt/signal_server.py"))
    machine.write("/opt/signals", "")
    machine.write("/etc/systemd/system/signals.service", _SERVER)
    machine.chroot("systemctl", "enable", "signals.service")
    endpoint = f"[Service]\nEnvironment=AWS_ENDPOINT_URL=http://127.0.0.1:{_PORT}\n"
    machine.write(f"/etc/systemd/system/{UNIT}.d/endpoint.conf", endpoint)


def signals(machine: Machine) -> list[dict[str, str]]:
    """What was asked so far, each with the parameters of the request."""
    lines = machine.read("/opt/signals").splitlines()
    return [{name: values[0] for name, values in parse_qs(line).items()} for line in lines]


def be_in_group(machine: Machine, state: str) -> None:
    """Let the machine find itself in a group, and look each second what that wants."""
    machine.write(
        f"/etc/systemd/system/{TIMER}.d/often.conf",
        "[Timer]\nOnActiveSec=\nOnActiveSec=1\nOnUnitInactiveSec=1\nAccuracySec=100ms\n",
    )
    tags = {"aws:autoscaling:groupName": "proxies"}
    path = machine.path("/opt/imds.json")
    given = json.loads(path.read_text("utf-8")) if path.exists() else {}
    facts = {**given.get("meta-data", {}), **_on_its_way_to(state)["meta-data"]}
    machine.write("/opt/imds.json", json.dumps({**given, "tags": tags, "meta-data": facts}))


def change(machine: Machine, state: str) -> None:
    """Let the group of a running machine want it to be in this state."""
    machine.run("python3", "-c", _CHANGE, json.dumps(_on_its_way_to(state)))


def _on_its_way_to(state: str) -> dict[str, Any]:
    return {"meta-data": {"autoscaling": {"target-lifecycle-state": state}}}


# Inside, where the metadata service is.
_CHANGE = """
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8081/data", sys.argv[1].encode(), method="POST"))
"""
