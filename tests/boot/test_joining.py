"""Nodes and proxies that join: before, while and long after the auth server has published what they need."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Optional

import pytest

from tests.boot import instance, observe, ssm, trees
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

JOINING = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
NODE = "TELEPORT_ROLE=node\n" + JOINING
PROXY = "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=teleport.example.com\nTELEPORT_S3_BUCKET=bucket-1\n" + JOINING
AGENT = (
    "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=teleport.example.com\nTELEPORT_JOIN_TOKEN=planted-agent-token\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)
NODE_UNIT = "teleport-node.service"
PROXY_UNIT = "teleport-proxy.service"

TOKEN = "/var/lib/teleport/token"
PIN = "/var/lib/teleport/ca-pin-hash"
DROP_IN = f"/etc/systemd/system/{NODE_UNIT}.d/50-teleport-bootstrap.conf"

# The pauses of a quarter of an hour, shortened: that attempts follow, within a run and after it, is what is shown.
SHORT_PAUSES = """\
[Service]
ExecStart=
ExecStart=/usr/bin/teleport-bootstrap fetch-secrets --publish-wait 3 --wait 5
RestartSec=1
"""


def _pin(digit: str) -> str:
    return "sha256:" + digit * 64


def _published(role: str = "node", pin: Optional[str] = None) -> dict[str, str]:
    return {f"/teleport/cluster-1/tokens/{role}": "planted-token", "/teleport/cluster-1/ca-pin-hash": pin or _pin("1")}


def _machine(new_machine: NewMachine, conf: str, release: str = "bookworm") -> tuple[Machine, ssm.Ssm]:
    machine = new_machine(release)
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine)
    machine.write("/etc/teleport.d/conf", conf)
    return machine, ssm.Ssm(machine)


def _shorten_pauses(machine: Machine) -> None:
    machine.write(f"/etc/systemd/system/{ssm.FETCH}.d/pauses.conf", SHORT_PAUSES)


def _joined(new_machine: NewMachine) -> tuple[Machine, ssm.Ssm]:
    machine, parameters = _machine(new_machine, NODE)
    parameters.publish(_published())
    machine.boot()
    observe.wait_until_ready(machine, NODE_UNIT)
    assert len(observe.starts(machine)) == 1
    return machine, parameters


def _fetch(machine: Machine) -> None:
    """Let the service run once, as its timer does, and wait for its end, which has to be a good one."""
    machine.run("systemctl", "start", ssm.FETCH)
    machine.wait_for(lambda: machine.state(ssm.FETCH) in ("inactive", "failed"), 30, "the end of fetch-secrets")
    assert machine.state(ssm.FETCH) == "inactive", machine.journal("-u", ssm.FETCH)


def _regenerate(machine: Machine, conf: str) -> None:
    """The guide's steps: edit the conf, remove teleport.yaml, restart the generator."""
    machine.write("/etc/teleport.d/conf", conf)
    machine.run("rm", "-f", "/etc/teleport.yaml")
    machine.run("systemctl", "restart", instance.GENERATE)


def _assert_waits(machine: Machine, unit: str) -> None:
    """Teleport's unit is down because of a condition, and was never started in spite of it."""
    facts = machine.show(unit, "ActiveState", "ConditionResult", "NRestarts")
    assert facts == {"ActiveState": "inactive", "ConditionResult": "no", "NRestarts": "0"}
    assert '"event": "start"' not in machine.journal("-u", unit)
    assert machine.is_enabled(unit)


def _assert_never_restarted_by_systemd(machine: Machine, unit: str) -> None:
    assert machine.show(unit, "NRestarts") == {"NRestarts": "0"}
    assert machine.journal("-u", unit).count('"event": "start"') == 1


def test_a_node_whose_token_comes_half_a_minute_late_joins_without_a_restart_loop(new_machine: NewMachine) -> None:
    """The unit as it is installed, its pauses included; also fault 18, where proxies waited twenty minutes."""
    machine, parameters = _machine(new_machine, NODE)

    machine.boot()
    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    _assert_waits(machine, NODE_UNIT)
    for name in _published():
        assert name in machine.console()
        assert name in machine.journal("-u", instance.GENERATE)
    machine.wait_for(lambda: "trying again" in machine.journal("-u", ssm.FETCH), 20, "a message about pending files")
    assert all(name in machine.journal("-u", ssm.FETCH) for name in (TOKEN, PIN, *_published()))
    status = machine.try_run("teleport-bootstrap", "status")
    assert status.returncode == 9
    assert TOKEN in status.stdout
    assert PIN in status.stdout
    assert machine.state(ssm.FETCH) == "active", "it waits"

    time.sleep(30)
    _assert_waits(machine, NODE_UNIT)
    parameters.publish(_published())
    observe.wait_until_ready(machine, NODE_UNIT, seconds=75)

    _assert_never_restarted_by_systemd(machine, NODE_UNIT)
    assert len(observe.starts(machine)) == 1
    assert parameters.asked() < 20
    machine.wait_for(lambda: machine.state(ssm.FETCH) == "inactive", 10, "the end of fetch-secrets")
    assert machine.is_enabled(ssm.TIMER)
    assert machine.state(ssm.TIMER) == "active"
    assert "planted-token" not in machine.console() + machine.journal()


@pytest.mark.parametrize("release", trees.SAMPLED)
def test_retries_after_a_failed_attempt_on_each_systemd(new_machine: NewMachine, release: str) -> None:
    machine, parameters = _machine(new_machine, NODE, release)
    _shorten_pauses(machine)
    token, pin = sorted(_published(), reverse=True)
    parameters.publish({token: "planted-token"})

    machine.boot()
    machine.wait_for(lambda: machine.show(ssm.FETCH, "NRestarts") != {"NRestarts": "0"}, 30, "a second run")
    _assert_waits(machine, NODE_UNIT)
    assert machine.read(TOKEN) == "planted-token\n"
    assert _pending(machine) == [PIN]
    parameters.publish(_published())
    observe.wait_until_ready(machine, NODE_UNIT)

    _assert_never_restarted_by_systemd(machine, NODE_UNIT)
    assert pin in machine.console(), "a run that ends in vain says so"
    assert machine.read(PIN) == _pin("1") + "\n"
    # The units' answers that the agent builds on are there in each systemd.
    machine.run("systemctl", "stop", NODE_UNIT)
    _fetch(machine)
    assert machine.state(NODE_UNIT) == "inactive", "an operator has stopped it"


def test_a_first_boot_while_ssm_is_down_is_configured_at_once_and_joins_when_it_is_back(
    new_machine: NewMachine,
) -> None:
    machine, parameters = _machine(new_machine, NODE)
    parameters.publish(_published())
    machine.chroot("systemctl", "disable", "ssm.service")

    started = time.monotonic()
    machine.boot()
    assert time.monotonic() - started < 40
    observe.assert_generated(machine)
    assert machine.path("/etc/teleport.yaml").exists()
    _assert_waits(machine, NODE_UNIT)

    parameters.up()
    observe.wait_until_ready(machine, NODE_UNIT)
    _assert_never_restarted_by_systemd(machine, NODE_UNIT)


def test_known_defect_18_a_joined_node_restarts_and_reboots_without_ssm_metadata_or_token(
    new_machine: NewMachine,
) -> None:
    machine, parameters = _joined(new_machine)
    asked = parameters.asked()
    parameters.down()
    machine.run("systemctl", "disable", "--now", "imds.service")

    machine.run("systemctl", "restart", NODE_UNIT, seconds=10)
    observe.wait_until_ready(machine, NODE_UNIT)
    machine.run("rm", TOKEN)
    machine.run("systemctl", "restart", NODE_UNIT, seconds=10)
    observe.wait_until_ready(machine, NODE_UNIT)

    machine.reboot(seconds=30)
    observe.wait_until_ready(machine, NODE_UNIT)
    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    assert machine.show(ssm.FETCH, "ExecMainStartTimestampMonotonic") == {"ExecMainStartTimestampMonotonic": "0"}
    assert machine.is_enabled(ssm.TIMER)
    assert machine.state(ssm.TIMER) == "active"
    assert machine.try_run("teleport-bootstrap", "status").returncode == 0
    assert parameters.asked() == asked

    # A data directory that was emptied is another matter: now there is something to wait for.
    machine.run("systemctl", "stop", NODE_UNIT)
    machine.run("sh", "-c", "rm -rf /var/lib/teleport/*")
    machine.run("systemctl", "start", NODE_UNIT)
    assert machine.show(NODE_UNIT, "ActiveState", "ConditionResult") == {
        "ActiveState": "inactive",
        "ConditionResult": "no",
    }


def test_a_changed_pin_restarts_only_a_teleport_that_has_not_joined(new_machine: NewMachine) -> None:
    machine, parameters = _joined(new_machine)

    parameters.publish(_published(pin=_pin("2")))
    _fetch(machine)
    assert machine.read(PIN) == _pin("2") + "\n"
    assert len(observe.starts(machine)) == 1, "it is ready"

    instance.install_stand_in(machine, start="unready")
    machine.run("systemctl", "restart", NODE_UNIT)
    machine.wait_for(lambda: len(observe.starts(machine)) == 2, 10, "a Teleport that is not ready")
    parameters.publish(_published(pin=_pin("3") + "\n" + _pin("4")))
    _fetch(machine)
    assert machine.read(PIN) == f"{_pin('3')}\n{_pin('4')}\n"
    machine.wait_for(lambda: len(observe.starts(machine)) == 3, 10, "one with the new pins")
    _fetch(machine)
    time.sleep(1)
    assert len(observe.starts(machine)) == 3, "it has these pins already"

    # A run that is killed after it has written the pins leaves the restart to the next one; so does generate.
    machine.run("touch", PIN)
    _fetch(machine)
    machine.wait_for(lambda: len(observe.starts(machine)) == 4, 10, "one with the pins that another program wrote")

    parameters.publish(_published(pin="not a pin"))
    machine.run("systemctl", "start", ssm.FETCH)
    machine.wait_for(lambda: machine.state(ssm.FETCH) == "failed", 30, "a refusal")
    assert machine.show(ssm.FETCH, "ExecMainStatus", "NRestarts") == {"ExecMainStatus": "4", "NRestarts": "0"}
    assert machine.read(PIN) == f"{_pin('3')}\n{_pin('4')}\n"


def test_does_not_start_what_an_operator_stopped_or_disabled(new_machine: NewMachine) -> None:
    machine, parameters = _joined(new_machine)

    machine.run("systemctl", "stop", NODE_UNIT)
    parameters.publish(_published(pin=_pin("2")))
    _fetch(machine)
    assert machine.read(PIN) == _pin("2") + "\n"
    machine.run("systemctl", "disable", NODE_UNIT)
    machine.run("systemctl", "daemon-reload")
    _fetch(machine)

    time.sleep(1)
    assert machine.state(NODE_UNIT) == "inactive"
    assert len(observe.starts(machine)) == 1


def test_a_proxy_waits_for_its_certificate_as_for_its_token(new_machine: NewMachine, tmp_path: Path) -> None:
    """Fault 24 of the shell scripts; as the account that the proxy runs as, in its sandbox."""
    machine, parameters = _machine(new_machine, PROXY)
    parameters.publish(_published("proxy"))

    machine.boot()
    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    _assert_waits(machine, PROXY_UNIT)
    assert _pending(machine) == ["/var/lib/teleport/fullchain.pem", "/var/lib/teleport/privkey.pem"]
    assert machine.run("stat", "-c", "%a %U %G", TOKEN, PIN).split("\n")[:2] == [
        "600 teleport teleport",
        "644 teleport teleport",
    ]
    _fetch(machine)
    _assert_waits(machine, PROXY_UNIT)

    _bring_certificate(machine, tmp_path)
    machine.run("systemctl", "start", PROXY_UNIT)
    observe.wait_until_ready(machine, PROXY_UNIT)
    assert observe.fetch(machine, "https://127.0.0.1:3080/webapi/ping")[0] == 200
    _assert_never_restarted_by_systemd(machine, PROXY_UNIT)

    # If nothing else starts it, the timer's next run does.
    machine.run("rm", "/var/lib/teleport/privkey.pem")
    machine.run("systemctl", "restart", PROXY_UNIT)
    assert machine.state(PROXY_UNIT) == "inactive"
    _bring_certificate(machine, tmp_path)
    _fetch(machine)
    observe.wait_until_ready(machine, PROXY_UNIT)


def test_from_node_to_agent_and_back_by_the_guides_steps(new_machine: NewMachine) -> None:
    machine, parameters = _machine(new_machine, NODE)
    _shorten_pauses(machine)
    machine.boot()
    _assert_waits(machine, NODE_UNIT)

    _regenerate(machine, AGENT)
    observe.wait_until_ready(machine, "teleport.service")
    assert observe.markers(machine) == ["role.agent"]
    assert not machine.path(DROP_IN).exists()
    assert machine.show(NODE_UNIT, "ActiveState", "NeedDaemonReload", "DropInPaths") == {
        "ActiveState": "inactive",
        "NeedDaemonReload": "no",
        "DropInPaths": "",
    }
    assert (machine.is_enabled(NODE_UNIT), machine.is_enabled("teleport.service")) == (False, True)
    assert (machine.is_enabled(ssm.TIMER), machine.state(ssm.TIMER)) == (False, "inactive")
    machine.wait_for(lambda: machine.state(ssm.FETCH) == "inactive", 15, "the end of what the node waited with")
    assert machine.read(TOKEN) == "planted-agent-token\n"
    assert "planted-agent-token" not in machine.read("/etc/teleport.yaml")
    assert machine.run("stat", "-c", "%a", "/etc/teleport.d/conf", TOKEN).split() == ["600", "600"]

    parameters.publish(_published())
    _regenerate(machine, NODE)
    observe.wait_until_ready(machine, NODE_UNIT)
    assert observe.markers(machine) == ["role.node"]
    assert machine.path(DROP_IN).exists()
    assert machine.show(NODE_UNIT, "NeedDaemonReload", "DropInPaths") == {
        "NeedDaemonReload": "no",
        "DropInPaths": DROP_IN,
    }
    assert machine.state("teleport.service") == "inactive"
    assert (machine.is_enabled(NODE_UNIT), machine.is_enabled("teleport.service")) == (True, False)
    assert (machine.is_enabled(ssm.TIMER), machine.state(ssm.TIMER)) == (True, "active")
    assert machine.read(TOKEN) == "planted-token\n"
    observe.assert_clean_boot(machine)


def test_the_next_run_reloads_a_drop_in_that_systemd_has_not_read(new_machine: NewMachine) -> None:
    """As after a run that was killed between its files and its word to systemd."""
    machine, _ = _joined(new_machine)
    ours = machine.read(DROP_IN)
    machine.write(DROP_IN, "[Unit]\nConditionPathExists=/nowhere\n")
    machine.run("systemctl", "daemon-reload")
    machine.write(DROP_IN, ours)
    assert machine.show(NODE_UNIT, "NeedDaemonReload") == {"NeedDaemonReload": "yes"}

    machine.run("systemctl", "restart", instance.GENERATE)

    assert machine.show(NODE_UNIT, "NeedDaemonReload") == {"NeedDaemonReload": "no"}
    machine.run("systemctl", "restart", NODE_UNIT)
    observe.wait_until_ready(machine, NODE_UNIT)


def test_user_data_that_generates_and_fetches_does_not_deadlock(new_machine: NewMachine) -> None:
    machine = new_machine()
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    user_data = (
        f"#!/bin/bash\nset -e\ncat >/etc/teleport.d/conf <<EOF\n{NODE}EOF\nexport AWS_ENDPOINT_URL_SSM={ssm.URL}\n"
        f"teleport-bootstrap generate\nsystemctl start {ssm.FETCH}\ntouch /var/lib/user-data-went-on\n"
    )
    instance.be_instance(machine, user_data=user_data)
    parameters = ssm.Ssm(machine)

    machine.boot()
    assert machine.path("/var/lib/user-data-went-on").exists()
    observe.assert_clean_boot(machine)
    _assert_waits(machine, NODE_UNIT)
    parameters.publish(_published())
    machine.run("systemctl", "restart", ssm.FETCH)
    observe.wait_until_ready(machine, NODE_UNIT)
    _assert_never_restarted_by_systemd(machine, NODE_UNIT)


def _pending(machine: Machine) -> list[str]:
    """The files that `status` lists as pending."""
    lines = machine.try_run("teleport-bootstrap", "status").stdout.splitlines()
    return sorted(line.split(" waits for ")[1].split(":")[0] for line in lines if " waits for /" in line)


def _bring_certificate(machine: Machine, place: Path) -> None:
    """What the certificate's job will do: key and certificate, given to the proxy's account."""
    key, certificate = place / "key", place / "certificate"
    if not key.exists():
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test -days 2"
        subprocess.run(
            [*command.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
        )
    for source, name in ((key, "privkey.pem"), (certificate, "fullchain.pem")):
        machine.write(f"/var/lib/teleport/{name}", source.read_text(encoding="ascii"), mode=0o600)
    machine.run("sh", "-c", "chown teleport:teleport /var/lib/teleport/*.pem")
