"""`status` of a host whose auth server was restarted: unready for minutes, while it serves."""

from __future__ import annotations

import json
from typing import Any

from tests.boot import applied, instance
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine


def _status(machine: Machine, expected: int) -> dict[str, Any]:
    done = machine.try_run("teleport-bootstrap", "status", "--format", "json")
    assert done.returncode == expected, done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _become(machine: Machine, health: str) -> None:
    instance.install_stand_in(machine, health=health)
    said = {"degraded": "in a degraded state", "recovering": "is recovering", "ok": "has recovered"}[health]
    machine.wait_for(lambda: said in machine.journal("-u", applied.MAIN), 20, f"a Teleport that is {health}")


def test_row_p_recovering_is_not_broken(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    assert _status(machine, 0)["recovery"] is None

    for health in ("degraded", "recovering"):
        _become(machine, health)
        found = _status(machine, 15)
        assert (found["state"], found["ready"], found["trouble"]) == ("recovering", health, [])
        ((component,), works) = (found["recovery"][each] for each in ("components", "works"))
        assert (component["name"], component["state"]) == ("node", health)
        assert component["seconds"] < 60 and component["since"].startswith("20")
        assert "SSH answers on port 3022" in works
        (line,) = found["drift"]
        assert component["since"] in line and "SSH answers" in line and "journalctl" in line
        text = machine.try_run("teleport-bootstrap", "status").stdout
        assert "works:" in text and "unhealthy:" in text

    _become(machine, "ok")
    assert _status(machine, 0)["state"] == "healthy"
