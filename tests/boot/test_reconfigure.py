"""`reconfigure` on a running instance: a good change is applied, a bad one is rolled back to a healthy Teleport."""

from __future__ import annotations

import functools
import re

import pytest
import yaml

from tests.boot import applied, instance, observe, trees
from tests.boot.conftest import NewMachine


def test_a_change_that_takes_a_restart_is_applied(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    first = applied.pid(machine)
    applied.add(machine, applied.EXTERNAL.format("new"))

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert "+  public_addr: new.teleport.acmeinc.com:443" in done.stdout, "the diff"
    assert "DANGER: proxy_service.public_addr changes" in done.stdout
    assert "restarted teleport.service" in done.stdout
    assert "waiting for teleport.service to become healthy" in done.stderr, "progress"
    document = yaml.safe_load(machine.read("/etc/teleport.yaml"))
    assert document["proxy_service"]["public_addr"] == "new.teleport.acmeinc.com:443"
    assert applied.pid(machine) != first
    applied.assert_well(machine)
    assert (applied.current(machine)["generation"], applied.current(machine)["confirmed"]) == (2, True)


@pytest.mark.parametrize("release", trees.SAMPLED)
def test_a_change_of_labels_is_reloaded_and_the_successor_is_in_charge(new_machine: NewMachine, release: str) -> None:
    machine = applied.machine(functools.partial(new_machine, release))
    first = applied.pid(machine)
    applied.add(machine, applied.LABEL.format("good"))

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert "reloaded teleport.service" in done.stdout
    assert applied.pid(machine) != first
    assert machine.show("teleport.service", "NRestarts")["NRestarts"] == "0"
    stops = [line for line in machine.journal("-u", "teleport.service").splitlines() if "Stopp" in line]
    assert stops == [], "the unit never stopped"
    applied.assert_well(machine)


def test_nothing_changed_touches_nothing(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    before, first = observe.snapshot(machine), applied.pid(machine)

    done = applied.reconfigure(machine)

    assert done.returncode == 0
    assert "nothing has changed, and nothing was touched" in done.stdout
    assert observe.snapshot(machine) == before
    assert applied.pid(machine) == first
    assert len(observe.starts(machine)) == 1


@pytest.mark.parametrize("how", ["exit-now", "never-ready"])
@pytest.mark.parametrize("line", [applied.EXTERNAL, applied.LABEL], ids=["restart", "reload"])
def test_rolls_back_if_teleport_does_not_become_healthy(new_machine: NewMachine, line: str, how: str) -> None:
    machine = applied.machine(new_machine)
    before, first = applied.state(machine), applied.pid(machine)
    applied.add(machine, line.format(how))

    done = applied.reconfigure(machine)

    assert done.returncode == 13, done.stderr
    assert "The previous configuration was restored, and teleport.service is healthy with it" in done.stderr
    assert "teleport stand-in" in done.stderr, "the unit's last lines"
    assert applied.state(machine) == before
    applied.assert_well(machine)
    if line == applied.LABEL and how == "exit-now":
        assert "told to exit at once" in done.stderr
        assert applied.pid(machine) == first, "the old process answered all the time, and there was no need to end it"
    now = applied.current(machine)
    assert (now["generation"], now["confirmed"]) == (1, True)
    assert now["rejected_conf_sha256"]


def test_ignores_a_rejected_conf_at_the_next_boot_until_it_is_edited(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    before = applied.state(machine)
    machine.write("/etc/teleport.d/conf", applied.AUTH, mode=0o600)
    machine.write("/etc/teleport.d/teleport.yaml.d/bad.yaml", "teleport: {nodename: exit-now}\n", mode=0o600)
    before = {**before, **{key: value for key, value in applied.state(machine).items() if key.endswith("bad.yaml")}}
    assert applied.reconfigure(machine).returncode == 13

    machine.reboot()
    observe.wait_until_ready(machine, applied.MAIN)

    assert applied.state(machine) == before
    assert "is not followed (Teleport did not become healthy with it" in machine.journal("-u", instance.GENERATE)

    machine.path("/etc/teleport.d/teleport.yaml.d/bad.yaml").unlink()
    machine.write("/etc/teleport.d/conf", applied.AUTH, mode=0o600)
    done = applied.reconfigure(machine, "--reset-data")
    assert done.returncode == 0, done.stderr
    assert "belongs to root, and teleport-auth.service runs as teleport" in done.stdout
    applied.assert_well(machine, "teleport-auth.service")


def test_kills_a_teleport_that_does_not_stop_and_restores_the_previous_configuration(new_machine: NewMachine) -> None:
    """`systemctl` itself does not return in time."""
    machine = applied.image(new_machine, deaf=True)
    machine.write("/etc/systemd/system/teleport.service.d/patient.conf", "[Service]\nTimeoutStopSec=infinity\n")
    machine.boot()
    observe.wait_until_ready(machine, applied.MAIN)
    before, first = applied.state(machine), applied.pid(machine)
    applied.add(machine, applied.EXTERNAL.format("new"))

    done = applied.reconfigure(machine)

    assert done.returncode == 13, done.stderr
    assert "restart teleport.service` did not end in time" in done.stderr
    assert applied.pid(machine) != first
    assert applied.state(machine) == before
    applied.assert_well(machine)
    machine.run("systemctl", "kill", "--signal=SIGKILL", applied.MAIN)


def test_reports_that_teleport_is_unhealthy_after_the_rollback_too(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    before = applied.state(machine)
    instance.install_stand_in(machine, start="exit")
    applied.add(machine, applied.EXTERNAL.format("new"))

    done = applied.reconfigure(machine)

    assert done.returncode == 14, done.stderr
    after = applied.state(machine)
    assert {name: after[name] for name in after if name.startswith("/")} == {
        name: before[name] for name in before if name.startswith("/")
    }
    assert not applied.current(machine)["confirmed"]

    instance.install_stand_in(machine)
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF, mode=0o600)
    done = applied.reconfigure(machine)
    assert done.returncode == 0, done.stderr
    applied.assert_well(machine)
    assert applied.current(machine)["confirmed"]


def test_the_reason_holds_no_secret(new_machine: NewMachine) -> None:
    agent = (
        "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\n"
        "TELEPORT_JOIN_TOKEN=planted-token-93af\nTELEPORT_AGENT_SSH_ENABLED=true\n"
    )
    machine = applied.machine(new_machine)
    instance.install_stand_in(machine, start="exit", say="joining with planted-token-93af")
    machine.write("/etc/teleport.d/conf", agent, mode=0o600)

    done = applied.reconfigure(machine, "--format", "json")

    assert done.returncode == 14
    assert "joining with ********" in done.stderr
    assert "planted-token-93af" not in done.stdout + done.stderr
    assert "planted-token-93af" not in machine.journal("-t", "teleport-bootstrap")


def test_from_acm_to_letsencrypt_and_back(new_machine: NewMachine) -> None:
    conf = instance.PLAIN_CONF + "USE_ACM=true\n"
    machine = applied.machine(new_machine, conf)
    before = applied.state(machine)
    machine.write(
        "/etc/teleport.d/conf",
        instance.PLAIN_CONF + "USE_LETSENCRYPT=true\nTELEPORT_S3_BUCKET=bucket-1\n"
        "TELEPORT_DOMAIN_ADMIN_EMAIL=a@example.com\n",
        mode=0o600,
    )

    done = applied.reconfigure(machine)

    assert done.returncode == 10, done.stderr
    assert "teleport.service waits for /var/lib/teleport/fullchain.pem" in done.stdout
    assert "DANGER: no Teleport runs until then" in done.stdout
    assert (machine.state(applied.ACM), machine.is_enabled(applied.ACM)) == ("inactive", False)
    assert (machine.state(applied.MAIN), machine.is_enabled(applied.MAIN)) == ("inactive", True)
    assert observe.markers(machine) == ["role.all"]

    machine.write("/etc/teleport.d/conf", conf, mode=0o600)
    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    applied.assert_well(machine, applied.ACM)
    assert applied.state(machine) == before


def test_to_acm_with_a_bad_configuration_and_back(new_machine: NewMachine) -> None:
    """The role switches units, and both want the same ports."""
    machine = applied.machine(new_machine)
    before = applied.state(machine)
    applied.add(machine, "USE_ACM=true\n" + applied.EXTERNAL.format("never-ready"))

    done = applied.reconfigure(machine)

    assert done.returncode == 13, done.stderr
    assert "teleport-acm.service: " in done.stderr, "the lines of the unit that was tried"
    assert applied.state(machine) == before
    applied.assert_well(machine)


def test_another_teleport_on_the_port_is_not_taken_for_the_unit_s(new_machine: NewMachine) -> None:
    """Started by hand, say: it answers /readyz for a unit that cannot even listen there."""
    machine = applied.machine(new_machine)
    machine.run("systemctl", "stop", applied.MAIN)
    # A real one takes some seconds before it listens.
    start = (
        "teleport start --config=/etc/teleport.yaml --diag-addr=127.0.0.1:3000 --pid-file=/run/teleport/teleport.pid"
    )
    machine.write(
        "/etc/systemd/system/teleport.service.d/slow.conf",
        f"[Service]\nExecStart=\nExecStart=/bin/sh -c 'sleep 4; exec {start}'\n",
    )
    machine.run("systemctl", "daemon-reload")
    machine.write(
        "/root/other.yaml", "version: v3\nauth_service: {listen_addr: 127.0.0.1:13025}\nssh_service: {enabled: 'no'}\n"
    )
    machine.run(
        "systemd-run", "--unit=other", "teleport", "start", "--config=/root/other.yaml", "--diag-addr=127.0.0.1:3000"
    )
    machine.wait_for(lambda: observe.fetch(machine, "http://127.0.0.1:3000/readyz")[0] == 200, 10, "the other one")
    applied.add(machine, applied.EXTERNAL.format("new"))

    done = applied.reconfigure(machine)

    assert done.returncode == 13, done.stderr
    assert machine.state(applied.MAIN) != "active", "as before"


def test_a_reconfigure_that_was_killed_is_finished_by_the_next(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine)
    applied.add(machine, applied.EXTERNAL.format("never-ready"))
    machine.run("systemd-run", "--unit=first", "teleport-bootstrap", "reconfigure", "--yes", "--health-wait", "100")
    machine.wait_for(lambda: len(observe.starts(machine)) == 2, 20, "the new configuration")
    machine.run("systemctl", "kill", "--signal=SIGKILL", "first")
    before = machine.read("/etc/teleport.yaml")
    assert "never-ready" in before

    done = applied.reconfigure(machine)

    assert done.returncode == 13, done.stderr
    assert "never-ready" not in machine.read("/etc/teleport.yaml")
    assert re.search(r"Generation 1 was restored", done.stderr)
    applied.assert_well(machine)


def test_the_next_run_confirms_an_unconfirmed_change_that_is_healthy(new_machine: NewMachine) -> None:
    """Killed between the files and the restart: Teleport still runs with what it read before."""
    machine = applied.machine(new_machine)
    applied.add(machine, applied.EXTERNAL.format("new"))
    slow = "[Service]\nExecStop=/bin/sleep 1000\n"
    machine.write("/etc/systemd/system/teleport.service.d/slow.conf", slow)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemd-run", "--unit=first", "teleport-bootstrap", "reconfigure", "--yes")
    machine.wait_for(lambda: machine.state(applied.MAIN) == "deactivating", 20, "the restart")
    machine.run("systemctl", "kill", "--signal=SIGKILL", "first")
    machine.path("/etc/systemd/system/teleport.service.d/slow.conf").unlink()
    machine.run("systemctl", "kill", "--signal=SIGKILL", applied.MAIN)

    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    assert "restarted teleport.service" in done.stdout
    applied.assert_well(machine)
    assert applied.current(machine)["confirmed"]
