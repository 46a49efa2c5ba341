"""The next command after one that was killed: what it had stopped runs again, and the way back is still known."""

from __future__ import annotations

import pytest

from teleport_bootstrap.change import journal
from tests.boot import applied, instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

JOURNAL = "/var/lib/teleport-bootstrap/change.json"


@pytest.mark.parametrize("how", ["inactive", "deactivating"])
def test_starts_what_a_killed_command_has_stopped(new_machine: NewMachine, how: str) -> None:
    machine = applied.machine(new_machine, deaf=how == "deactivating")
    machine.run("systemctl", "stop", *(["--no-block"] if how == "deactivating" else []), applied.MAIN)
    machine.wait_for(lambda: machine.state(applied.MAIN) == how, 10, how)
    noted = journal.Journal(committed=True, units=(applied.MAIN,))
    machine.write(JOURNAL, journal.FILE.content(noted).decode(), mode=0o600)

    done = applied.reconfigure(machine)

    assert "nothing has changed" in done.stdout, done.stderr
    if how == "deactivating":
        machine.run("systemctl", "kill", "--signal=KILL", applied.MAIN)
    observe.wait_until_ready(machine, applied.MAIN)
    assert not machine.path(JOURNAL).exists()


def _killed_after_its_change(machine: Machine, generation: int, *options: str) -> dict[str, object]:
    """Kill `reconfigure` as soon as the files are changed; return the note of what is current then."""
    machine.run(
        *("systemd-run", "-q", "--unit=change", "--collect"),
        *("teleport-bootstrap", "reconfigure", "--yes", "--health-wait", "60", *options),
    )
    machine.wait_for(lambda: applied.current(machine)["generation"] == generation, 30, "the change")
    machine.run("systemctl", "kill", "--signal=KILL", "change.service")
    machine.wait_for(lambda: machine.state("change.service") == "inactive", 10, "its end")
    return applied.current(machine)


def test_finds_the_data_that_a_change_before_the_last_one_has_moved(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    first = machine.read("/var/lib/teleport/host_uuid")
    applied.add(machine, applied.EXTERNAL.format("never-ready"))
    one = _killed_after_its_change(machine, 2, "--reset-data")
    (aside,) = machine.path("/var/lib").glob("teleport.reset-*")
    assert (one["confirmed"], one["previous"], one["data_aside"]) == (False, 1, f"/var/lib/{aside.name}")

    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF + applied.EXTERNAL.format("never-ready-2"), mode=0o600)
    two = _killed_after_its_change(machine, 3)
    assert (two["confirmed"], two["previous"], two["data_aside"]) == (False, 1, f"/var/lib/{aside.name}")

    done = applied.reconfigure(machine)

    assert done.returncode == 13, done.stderr
    assert "Generation 1 was restored" in done.stderr
    assert machine.read("/var/lib/teleport/host_uuid") == first
    applied.assert_well(machine)


def test_a_kill_on_the_way_back_does_not_leave_teleport_stopped(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    instance.install_stand_in(machine, where={"never-ready": {"start": "unready", "deaf": True}})
    applied.add(machine, applied.EXTERNAL.format("never-ready"))
    machine.run(
        *("systemd-run", "-q", "--unit=change", "--collect"),
        *("teleport-bootstrap", "reconfigure", "--yes", "--health-wait", "15"),
    )

    def is_changed() -> bool:
        return "never-ready" in machine.read("/etc/teleport.yaml")

    machine.wait_for(is_changed, 30, "the change")
    machine.wait_for(lambda: not is_changed(), 60, "the way back")
    machine.wait_for(lambda: machine.state(applied.MAIN) == "deactivating", 10, "the stop")
    machine.run("systemctl", "kill", "--signal=KILL", "change.service")
    machine.run("systemctl", "kill", "--signal=KILL", applied.MAIN)
    machine.wait_for(lambda: machine.state(applied.MAIN) in ("inactive", "failed"), 20, "the end of Teleport")

    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF, mode=0o600)
    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    observe.wait_until_ready(machine, applied.MAIN)
    assert not machine.path(JOURNAL).exists()
