"""Reloads and restarts that fail after Teleport has said that it is ready, or after it has written its pid file."""

from __future__ import annotations

import re
import time

import pytest

from tests.boot import applied, instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

# Of the two minutes for which a real Teleport acts on no signal after a failed reload.
DEAF_SECONDS = 45

BAD = {
    "dies-later": {"start": "dies"},
    "hangs": {"start": "unready"},
    "ends-in-2": {"lasts": 2},
    "ends-in-7": {"lasts": 7},
    "ends-in-20": {"lasts": 20},
}


def _machine(new_machine: NewMachine, conf: str = instance.PLAIN_CONF, **switches: object) -> Machine:
    machine = applied.image(new_machine, conf)
    instance.install_stand_in(machine, **{"where": BAD, "deaf_for": DEAF_SECONDS, **switches})
    machine.boot()
    observe.wait_until_ready(machine, "teleport.service" if "ROLE" not in conf else "teleport-auth.service")
    return machine


def _correct(machine: Machine, bad: str, good: str) -> None:
    machine.write("/etc/teleport.d/conf", machine.read("/etc/teleport.d/conf").replace(bad, good), mode=0o600)


def _zombies(machine: Machine) -> list[str]:
    lines = machine.run("ps", "-e", "-o", "stat=,comm=").splitlines()
    return [line for line in lines if line.startswith("Z") and "teleport" in line]


@pytest.mark.parametrize("how", ["dies-later", "hangs"])
def test_row_h_a_successor_that_fails_after_its_pid_file_is_rolled_back(new_machine: NewMachine, how: str) -> None:
    machine = _machine(new_machine)
    before, first = applied.state(machine), applied.pid(machine)
    applied.add(machine, applied.LABEL.format(how))

    done = applied.reconfigure(machine)

    assert done.returncode == 13, done.stderr
    assert "has not handed over to its successor" in done.stderr
    assert applied.state(machine) == before
    applied.assert_well(machine)
    assert applied.pid(machine) == first, "it served all the time, and the pid file names it again"
    assert (applied.current(machine)["generation"], applied.current(machine)["confirmed"]) == (1, True)

    machine.run("systemctl", "kill", "--signal=SIGKILL", applied.MAIN)
    observe.wait_until_ready(machine, applied.MAIN)
    assert applied.state(machine) == before, "nothing bad is left for the next start"


@pytest.mark.parametrize("drain", [0.2, 60])
def test_row_h_a_good_reload_is_proved_although_systemd_names_the_old_process(
    new_machine: NewMachine, drain: float
) -> None:
    machine = _machine(new_machine, drain=drain)
    first = applied.pid(machine)
    applied.add(machine, applied.LABEL.format("good"))

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert "reloaded teleport.service" in done.stdout
    assert applied.pid(machine) != first
    applied.assert_well(machine)
    if drain > 1:
        assert machine.show(applied.MAIN, "MainPID")["MainPID"] == str(first)


@pytest.mark.parametrize("how", ["dies-later", "hangs"])
def test_row_a_a_correction_after_a_failed_reload_waits_and_is_reloaded(new_machine: NewMachine, how: str) -> None:
    machine = _machine(new_machine)
    first = applied.pid(machine)
    applied.add(machine, applied.LABEL.format(how))
    assert applied.reconfigure(machine).returncode == 13
    assert _zombies(machine), "the test is void"
    assert "acts on no signal" in machine.try_run("teleport-bootstrap", "status").stdout
    _correct(machine, how, "fine")

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert re.search(r"acts on no signal for two minutes.*waiting for that to end, at most \d+ s", done.stderr)
    assert "reloaded teleport.service" in done.stdout
    assert applied.pid(machine) != first
    assert _zombies(machine) == []
    assert "fine" in machine.read("/etc/teleport.yaml")
    applied.assert_well(machine)


def test_row_a_a_reload_by_a_person_that_failed_does_not_confuse_the_next_change(new_machine: NewMachine) -> None:
    """The pid file names a zombie, which `systemctl reload` would signal in vain."""
    machine = _machine(new_machine)
    first = applied.pid(machine)
    good = machine.read("/etc/teleport.yaml")
    machine.write("/etc/teleport.yaml", good + "# dies-later\n", mode=0o600)
    machine.run("systemctl", "reload", applied.MAIN)
    machine.wait_for(lambda: bool(_zombies(machine)), 20, "the end of the successor")
    machine.write("/etc/teleport.yaml", good, mode=0o600)
    assert applied.pid(machine) != first
    applied.add(machine, applied.LABEL.format("fine"))

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert applied.pid(machine) != first
    applied.assert_well(machine)


def test_row_a_a_restart_in_that_time_is_done_by_force_at_once(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, deaf_for=120)
    first = applied.pid(machine)
    applied.add(machine, applied.LABEL.format("dies-later"))
    assert applied.reconfigure(machine).returncode == 13
    _correct(machine, applied.LABEL.format("dies-later"), applied.EXTERNAL.format("new"))
    began = time.monotonic()

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert "restarting teleport.service by force" in done.stderr
    assert time.monotonic() - began < 60
    assert applied.pid(machine) != first
    applied.assert_well(machine)


def test_row_a_a_restart_does_not_wait_for_a_process_that_is_still_ending_its_sessions(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, drain=80)
    applied.add(machine, applied.LABEL.format("good"))
    assert applied.reconfigure(machine).returncode == 0
    applied.add(machine, applied.EXTERNAL.format("new"))
    began = time.monotonic()

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert "is still ending its sessions" in done.stderr
    assert time.monotonic() - began < 50
    applied.assert_well(machine)


@pytest.mark.parametrize("line", [applied.EXTERNAL, applied.LABEL], ids=["restart", "reload"])
@pytest.mark.parametrize("how", ["ends-in-2", "ends-in-7"])
def test_row_i_a_teleport_that_is_ready_and_ends_for_ever_is_rolled_back(
    new_machine: NewMachine, line: str, how: str
) -> None:
    machine = _machine(new_machine)
    before = applied.state(machine)
    applied.add(machine, line.format(how))

    done = applied.reconfigure(machine, "--health-wait", "60")

    assert done.returncode == 13, done.stderr
    assert applied.state(machine) == before
    applied.assert_well(machine)


def test_row_i_it_is_watched_for_longer_without_a_web_port(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, applied.AUTH)
    before = applied.state(machine)
    machine.write("/etc/teleport.d/teleport.yaml.d/bad.yaml", "teleport: {nodename: ends-in-20}\n", mode=0o600)

    done = applied.reconfigure(machine, "--health-wait", "60")

    assert done.returncode == 13, done.stderr
    applied.assert_well(machine, "teleport-auth.service")
    assert machine.read("/etc/teleport.yaml").encode() == before["/etc/teleport.yaml"][3]


def test_row_i_new_names_make_teleport_reload_itself_and_that_is_waited_for(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, renames=3)
    applied.add(machine, applied.EXTERNAL.format("new"))

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert "started in-process service reload" in machine.journal("-u", applied.MAIN)
    again = applied.pid(machine)
    applied.add(machine, applied.LABEL.format("more"))
    assert applied.reconfigure(machine).returncode == 0
    assert applied.pid(machine) != again
    assert machine.show(applied.MAIN, "NRestarts")["NRestarts"] == "0"
