"""An auth server that publishes, and a node that was there first: two hosts on a network of their own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import pytest

from tests.boot import instance, network, observe, ssm
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.stand_in import install_tctl

JOINING = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
NODE = "TELEPORT_ROLE=node\n" + JOINING
AUTH = f"""\
TELEPORT_ROLE=auth
{JOINING}TELEPORT_DYNAMO_TABLE_NAME=state-1
TELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1
TELEPORT_S3_BUCKET=bucket-1
TELEPORT_LOCKS_TABLE_NAME=locks-1
USE_LETSENCRYPT=false
"""
AUTH_UNIT = "teleport-auth.service"
NODE_UNIT = "teleport-node.service"
PUBLISH = "teleport-ssm-publish-tokens.service"
TIMER = "teleport-ssm-publish-tokens.timer"
TOKEN = "/teleport/cluster-1/tokens/node"
REQUESTS = "/var/lib/teleport/tctl-requests.jsonl"

# Minutes become seconds, and the hour ten of them.
SHORT_TIMES = """\
[Timer]
OnActiveSec=
OnActiveSec=1s
OnCalendar=
OnCalendar=*:*:0/10
RandomizedDelaySec=0
AccuracySec=100ms
"""
SHORT_PAUSES = """\
[Service]
ExecStart=
ExecStart=/usr/bin/teleport-bootstrap fetch-secrets --publish-wait 3 --wait 10
RestartSec=1
"""


class Witness(threading.Thread):
    """Looks at the arguments and the environment of every process, again and again, and keeps what it has seen."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        self.seen.add((process / name).read_bytes())
                    except OSError:
                        continue

    def end(self) -> None:
        self._over.set()
        self.join()


@pytest.fixture
def switch() -> Iterator[network.Network]:
    with network.new() as made:
        yield made


@pytest.fixture
def hosts(switch: network.Network, new_machine: NewMachine) -> tuple[Machine, Machine]:
    """An auth server, of the oldest release, and a node; neither is booted."""
    auth = _machine(new_machine, "bullseye", switch, 1, AUTH)
    install_tctl(auth.path("/usr/local/bin"), python="/usr/bin/python3", answer="127.0.0.1:3025", slow=0.1)
    auth.write(f"/etc/systemd/system/{TIMER}.d/times.conf", SHORT_TIMES)
    node = _machine(new_machine, "bookworm", switch, 2, NODE)
    node.write(f"/etc/systemd/system/{ssm.FETCH}.d/pauses.conf", SHORT_PAUSES)
    switch.make_locks_table("locks-1")
    return auth, node


def _machine(new_machine: NewMachine, release: str, switch: network.Network, number: int, conf: str) -> Machine:
    machine = new_machine(release, *switch.options(number))
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine)
    address = switch.address(number)
    facts = {"local-ipv4": address, "local-hostname": f"ip-{address.replace('.', '-')}.ec2.internal"}
    machine.write("/opt/imds.json", json.dumps({"meta-data": facts}))
    machine.write("/etc/teleport.d/conf", conf)
    for unit in (instance.GENERATE, ssm.FETCH, PUBLISH):
        machine.write(
            f"/etc/systemd/system/{unit}.d/aws.conf", f"[Service]\nEnvironment=AWS_ENDPOINT_URL={switch.aws_url}\n"
        )
    return machine


def _published(switch: network.Network) -> Optional[str]:
    found = switch.ask("ssm", "get_parameters", Names=[TOKEN], WithDecryption=True)["Parameters"]
    return found[0]["Value"] if found else None


def _tokens(auth: Machine) -> list[str]:
    """Every token that was registered so far."""
    given = [json.loads(line)["input"] for line in auth.read(REQUESTS).splitlines()]
    return [json.loads(each)["metadata"]["name"] for each in given if each]


def _words(machine: Machine) -> str:
    """All that this boot has left to read."""
    return machine.run("journalctl", "--no-pager", "-a", "-o", "json") + machine.console()


def _ends_a_tctl_that_hangs(auth: Machine) -> None:
    """From inside the sandbox, and though it belongs to another account."""
    auth.run("systemctl", "stop", TIMER)
    auth.wait_for(lambda: auth.state(PUBLISH) == "inactive", 30, "the end of the last run")
    install_tctl(auth.path("/usr/local/bin"), python="/usr/bin/python3", hang=["status"])
    command = "[Service]\nExecStart=\nExecStart=/usr/bin/teleport-bootstrap publish-tokens --wait 2\nRestart=no\n"
    auth.write(f"/etc/systemd/system/{PUBLISH}.d/short.conf", command)
    auth.run("systemctl", "daemon-reload")
    assert auth.try_run("systemctl", "start", PUBLISH).returncode != 0
    assert "`tctl status` did not end in time" in auth.journal("-u", PUBLISH)
    assert auth.try_run("pgrep", "-f", "/usr/local/bin/tctl").stdout == ""


def test_a_node_gets_its_token_from_the_auth_server_and_rotation_survives_a_reboot(
    switch: network.Network, hosts: tuple[Machine, Machine]
) -> None:
    auth, node = hosts
    witness = Witness()
    witness.start()
    words = ""
    try:
        node.boot()
        assert node.show(NODE_UNIT, "ActiveState", "ConditionResult")["ConditionResult"] == "no"
        assert f"{NODE_UNIT} waits for /var/lib/teleport/token" in node.journal("-u", instance.GENERATE)

        auth.boot()
        observe.wait_until_ready(auth, AUTH_UNIT)
        observe.wait_until_ready(node, NODE_UNIT, 60)
        assert node.read("/var/lib/teleport/token").strip() in _tokens(auth)
        assert auth.is_enabled(TIMER)
        # tctl ran as Teleport's account, and has left nothing of root's in its directory.
        (account,) = {tuple(json.loads(line)["user"][:2]) for line in auth.read(REQUESTS).splitlines()}
        assert account == (int(auth.run("id", "-u", "teleport")), int(auth.run("id", "-g", "teleport")))
        assert auth.run("find", "/var/lib/teleport", "-user", "root") == ""
        status = json.loads(auth.run("teleport-bootstrap", "status", "--format", "json"))
        assert [(job["name"], job["outcome"]) for job in status["jobs"]] == [("publish-tokens", "succeeded")]
        assert {"unit": TIMER, "enablement": "enabled", "active": "active"} in status["timers"]
        assert status["state"] == "healthy", status

        before = _published(switch)
        auth.wait_for(lambda: _published(switch) != before, 40, "a new token")

        words += _words(auth) + _words(node)
        node.reboot()
        auth.reboot()
        observe.assert_clean_boot(auth)
        observe.assert_clean_boot(node)
        observe.wait_until_ready(node, NODE_UNIT)
        observe.wait_until_ready(auth, AUTH_UNIT)
        before = _published(switch)
        auth.wait_for(lambda: _published(switch) != before, 60, "a new token after the reboot")
        assert _published(switch) in _tokens(auth)
        words += _words(auth) + _words(node)
        _ends_a_tctl_that_hangs(auth)
    finally:
        witness.end()
    tokens = _tokens(auth)
    assert len(tokens) >= 15
    shown = b"\n".join({*witness.seen, words.encode()})
    assert b"/usr/local/bin/tctl\x00create\x00-f" in shown
    assert [token for token in tokens if token.encode() in shown] == []


def test_the_shipped_timer_runs_soon_after_a_boot_and_every_hour(new_machine: NewMachine) -> None:
    machine = new_machine("bullseye")
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    machine.chroot("systemctl", "enable", TIMER)
    machine.boot()
    facts = machine.show(TIMER, "Persistent", "ActiveState")
    assert facts == {"ActiveState": "active", "Persistent": "yes"}
    shown = machine.run("systemctl", "show", TIMER, "-p", "TimersMonotonic", "-p", "TimersCalendar")
    assert "OnActiveUSec=30s" in shown and "OnCalendar=*-*-* *:00:00" in shown
    # Without an auth server's marker it does nothing, which is not a failure.
    machine.run("systemctl", "start", PUBLISH)
    assert machine.show(PUBLISH, "ConditionResult")["ConditionResult"] == "no"
