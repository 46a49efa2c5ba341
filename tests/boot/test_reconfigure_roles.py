"""From one role to another: other units, other secrets, and the way back when the new role does not work out."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from tests.boot import applied, instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

PLAIN = "EC2_REGION=us-east-1\n"
AGENT = PLAIN + (
    "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\n"
    "TELEPORT_JOIN_TOKEN=planted-token-93af\nTELEPORT_AGENT_SSH_ENABLED=true\n"
)
NODE = PLAIN + "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
TOKEN, PIN = "token-of-the-cluster-41b7", "sha256:" + "5e" * 32
SSM = "AWS_ENDPOINT_URL_SSM=http://127.0.0.1:4566"


@contextmanager
def _parameters(machine: Machine) -> Iterator[subprocess.Popen[bytes]]:
    """Let SSM hold what an auth server publishes."""
    server = machine.start_inside(sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "4566")
    program = (
        "import sys, botocore.session\n"
        "client = botocore.session.get_session().create_client('ssm', region_name='us-east-1', "
        "endpoint_url='http://127.0.0.1:4566', aws_access_key_id='a', aws_secret_access_key='b')\n"
        "for name, value in (('tokens/node', sys.argv[1]), ('ca-pin-hash', sys.argv[2])):\n"
        "    client.put_parameter(Name='/teleport/cluster-1/' + name, Value=value, Type='SecureString', "
        "Overwrite=True)\n"
    )
    try:
        machine.wait_for(
            lambda: machine.try_run("python3", "-c", program, TOKEN, PIN).returncode == 0, 30, "moto's server"
        )
        yield server
    finally:
        server.kill()
        server.wait()


def test_from_agent_to_node_and_back(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine, AGENT)
    before = applied.state(machine)
    machine.write("/etc/teleport.d/conf", NODE, mode=0o600)

    with _parameters(machine):
        done = applied.reconfigure(machine, environment=(SSM,))

    assert done.returncode == 0, done.stderr
    applied.assert_well(machine, applied.NODE)
    assert machine.state(applied.MAIN) == "inactive"
    assert not machine.is_enabled(applied.MAIN)
    assert machine.is_enabled("teleport-fetch-secrets.timer")
    assert observe.markers(machine) == ["role.node"]
    assert machine.read("/var/lib/teleport/token").strip() == TOKEN
    assert TOKEN not in done.stdout + done.stderr
    assert TOKEN not in machine.run("cat", "/var/lib/teleport-bootstrap/generations/2/manifest.json")

    machine.write("/etc/teleport.d/conf", AGENT, mode=0o600)
    done = applied.reconfigure(machine)

    assert done.returncode == 0, done.stderr
    applied.assert_well(machine)
    after = applied.state(machine)
    assert after.pop("/var/lib/teleport/ca-pin-hash", None) is not None, "it does no harm, and may be needed again"
    assert after == before


@pytest.mark.parametrize("release", ["bullseye", "trixie"])
def test_issue_16_a_host_without_botocore_boots_and_joins(new_machine: NewMachine, release: str) -> None:
    """With the oldest and the newest requests of the distributions; S3 says what to install."""
    machine = applied.machine(functools.partial(new_machine, release), AGENT)
    machine.write("/etc/teleport.d/conf", NODE, mode=0o600)
    with _parameters(machine):
        machine.run("sh", "-c", "rm -r /usr/lib/python3/dist-packages/botocore")
        done = applied.reconfigure(machine, environment=(SSM,))
    assert done.returncode == 0, done.stderr
    applied.assert_well(machine, applied.NODE)
    assert machine.read("/var/lib/teleport/token").strip() == TOKEN
    done = machine.try_run("teleport-bootstrap", "backup", "s3://acme-backups/teleport", "--wait", "2")
    assert done.returncode == 6, done.stderr
    assert "python3-botocore" in done.stderr


def test_from_node_to_a_bad_agent_and_back_with_the_old_token(new_machine: NewMachine) -> None:
    machine = applied.machine(new_machine, AGENT)
    machine.write("/etc/teleport.d/conf", NODE, mode=0o600)
    with _parameters(machine):
        assert applied.reconfigure(machine, environment=(SSM,)).returncode == 0
    before = applied.state(machine)
    machine.write("/etc/teleport.d/conf", AGENT + applied.LABEL.format("exit-now"), mode=0o600)

    done = applied.reconfigure(machine)

    assert done.returncode == 13, done.stderr
    assert applied.state(machine) == before, "the token among it"
    applied.assert_well(machine, applied.NODE)

    machine.reboot()
    observe.wait_until_ready(machine, applied.NODE)
    assert applied.state(machine) == before
    assert yaml.safe_load(machine.read("/etc/teleport.yaml"))["teleport"]["auth_server"].startswith("auth.example.com")


def test_an_account_that_teleport_no_longer_runs_as_gets_its_directory_back(new_machine: NewMachine) -> None:
    """An auth server runs as teleport, and its data directory belongs to that account; another role runs as root."""
    machine = applied.image(new_machine, applied.AUTH)
    machine.boot()
    observe.wait_until_ready(machine, "teleport-auth.service")
    before = applied.state(machine)
    owner = machine.run("stat", "-c", "%U %a", "/var/lib/teleport")
    assert owner.split()[0] == "teleport"
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF + applied.EXTERNAL.format("exit-now"), mode=0o600)

    done = applied.reconfigure(machine)

    assert done.returncode == 13, done.stderr
    assert applied.state(machine) == before
    assert machine.run("stat", "-c", "%U %a", "/var/lib/teleport") == owner
    applied.assert_well(machine, "teleport-auth.service")
