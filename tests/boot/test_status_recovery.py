"""`status` of a host whose auth server was restarted: unready for minutes, while it serves."""

from __future__ import annotations

from typing import Any

from tests import answers
from tests.boot import applied, instance
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine


def _status(machine: Machine, expected: int) -> dict[str, Any]:
    done = machine.try_run("teleport-bootstrap", "status", "--format", "json")
    assert done.returncode == expected, done.stdout
    found: dict[str, Any] = answers.check(done.stdout, expected)
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
        assert (found["state"], found["health"], answers.lines(found, "error")) == ("recovering", health, [])
        (component,) = found["recovery"]["components"]
        assert (component["name"], component["state"]) == ("node", health)
        assert component["unhealthy_seconds"] < 60 and component["unhealthy_since_at"].startswith("20")
        assert {"section": "ssh_service", "port": 3022, "answers": True, "is_ssh": True} in found["recovery"][
            "listeners"
        ]
        (line,) = answers.lines(found, "warning")
        assert component["unhealthy_since_at"] in line and "SSH answers" in line and "journalctl" in line
        text = machine.try_run("teleport-bootstrap", "status").stdout
        assert "works:" in text and "unhealthy:" in text

    _become(machine, "ok")
    assert _status(machine, 0)["state"] == "healthy"
