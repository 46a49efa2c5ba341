"""What a stack that waits for an instance hears of a real Teleport: one that is healthy, and one that cannot join."""

from __future__ import annotations

from tests.boot import observe, signal_reader
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.real_teleport import real
from tests.real_teleport.test_first_boot import PLAIN

STACK = "TELEPORT_SIGNAL=cloudformation:teleport/Group\n"
SIGNALED = "signaled {} to cloudformation:teleport/Group: "


def booted(new_machine: NewMachine, conf: str) -> Machine:
    machine = real.machine(new_machine, conf)
    machine.write("/etc/hosts", "127.0.0.1 localhost gone.example.com\n")
    signal_reader.install(machine)
    machine.boot()
    return machine


def await_signal(machine: Machine) -> str:
    machine.wait_for(lambda: bool(signal_reader.signals(machine)), 180, "the signal")
    return signal_reader.signals(machine)[0]["Status"]


def test_a_healthy_teleport_is_signaled_when_it_is_ready(new_machine: NewMachine) -> None:
    machine = booted(new_machine, PLAIN + STACK)
    assert await_signal(machine) == "SUCCESS"
    assert observe.fetch(machine, "http://127.0.0.1:3000/readyz")[0] == 200
    machine.wait_for(lambda: machine.state(signal_reader.UNIT) == "inactive", 30, "the end of the service")
    assert SIGNALED.format("success") + "teleport.service is healthy" in machine.journal("-u", signal_reader.UNIT)
    real.assert_is_healthy(machine, "teleport.service")


def test_a_teleport_that_cannot_join_is_a_failure_with_what_it_said(new_machine: NewMachine) -> None:
    """Nothing listens where it expects the cluster."""
    conf = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=gone.example.com:9\nTELEPORT_AGENT_SSH_ENABLED=true\n"
    token = "0123456789abcdef0123456789abcdef"
    machine = booted(new_machine, f"{conf}TELEPORT_JOIN_TOKEN={token}\n{STACK}TELEPORT_SIGNAL_SECONDS=40\n")
    assert await_signal(machine) == "FAILURE"
    machine.wait_for(lambda: machine.state(signal_reader.UNIT) == "failed", 30, "the end of the service")
    said = machine.journal("-u", signal_reader.UNIT)
    reason = said.rpartition(SIGNALED.format("failure"))[2].partition("\n")[0]
    assert reason.startswith("not healthy within 40 s: teleport.service: Teleport is starting"), said
    assert "connection refused" in reason and token not in reason
    assert reason in machine.console()
