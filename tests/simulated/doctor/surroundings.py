"""A host and what stands around it, with everything as it has to be; and what `doctor` says of it.

A test makes one mistake in it, and takes it back by what the remedy says.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import port_table
from tests.simulated.agent import CHECKOUT, PIN, Agent
from tests.simulated.doctor import web_server
from tests.simulated.doctor.names import Names, can_mount
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

CLUSTER = "teleport.example.com"
AUTH_LB = "auth.example.com"
NODE = f"TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME={CLUSTER}\nTELEPORT_AUTH_SERVER_LB={AUTH_LB}\n"
TOKEN = "d" * 32


@dataclass(frozen=True)
class Surroundings:
    """One host, its metadata service and its account."""

    agent: Agent
    imds: emulator.Server
    aws: Aws

    def checks(self, *options: str) -> Mapping[str, dict[str, Any]]:
        """Run `doctor`, and return how each check has ended, by its name."""
        done = self.agent.run("doctor", "--format", "json", *options)
        assert "internal error" not in done.said, done.said
        return {each["name"]: each for each in done.data["checks"]}

    def results(self, *options: str) -> dict[str, str]:
        """Return the result of each check by its name."""
        return {name: each["result"] for name, each in self.checks(*options).items()}


def host(directory: Path, imds: emulator.Server, aws: Aws, conf: str, **switches: Any) -> Agent:
    """Return a host with our units and a Teleport, on which nothing was generated yet."""
    if imds.service.data["credentials"] == emulator.DEFAULTS["credentials"]:
        # AWS knows whose they are.
        imds.service.update({"credentials": aws.role_credentials(["*"])})
    # Without names of its own, what the test machine's resolver says would count.
    agent: Agent = Agent(directory / "root", imds=imds.url, aws=aws.url)
    if can_mount():
        agent = Names(directory, imds=imds.url, aws=aws.url)
        agent.hosts[AUTH_LB] = _auth_server().address
    agent.root.mkdir()
    agent.install(**switches)
    agent.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nteleport:x:64998:64998::/:/bin/false\n")
    agent.write("/etc/group", "root:x:0:\nteleport:x:64998:\n")
    shutil.copytree(CHECKOUT / "systemd", agent.path("/usr/lib/systemd/system"))
    agent.conf(conf).chmod(0o600)
    return agent


@functools.cache
def _auth_server() -> web_server.OpenPorts:
    """What accepts connections in the place of the auth servers, for all tests."""
    return web_server.OpenPorts(web_server.new_address(), port_table.AUTH)


def node(directory: Path, imds: emulator.Server, aws: Aws) -> Surroundings:
    """A node that has its token and pin, in an account and a network that have everything it needs."""
    if not can_mount():
        pytest.skip("mounting is not permitted here, so that there would be no auth server under its name")
    aws.put_parameters({f"/teleport/{CLUSTER}/tokens/node": TOKEN})
    aws.put_parameters({f"/teleport/{CLUSTER}/ca-pin-hash": PIN}, kind="String")
    agent = host(directory, imds, aws, NODE)
    for command in ("generate", "fetch-secrets"):
        done = agent.run(command, "--wait", "10")
        assert done.status == 0, done.said
    return Surroundings(agent, imds, aws)


def turned(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Return the checks that fail or warn now and did not before.

    What is skipped now follows from these.
    """
    return {name: result for name, result in after.items() if result != before.get(name) and result in ("fail", "warn")}


def remedy_of(check: Mapping[str, Any]) -> str:
    """Return what a check that failed or warned says is to be done, of all of its findings."""
    assert check["result"] in ("fail", "warn"), check
    remedies = [each["remedy"] for each in check["found"]]
    assert all(remedies), check
    return " ".join(remedies)
