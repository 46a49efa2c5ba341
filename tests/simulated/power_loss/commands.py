"""The commands of the power loss model, each with a host that is prepared for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from tests.simulated.agent import GUIDE, TOKEN, Agent
from tests.simulated.power_loss.check import Run
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)
RECONFIGURE = ("reconfigure", "--yes", "--wait", "20")


class World:
    """Where hosts are made below `directory`, and the services they ask; `resources` ends those."""

    def __init__(self, directory: Path, resources: contextlib.ExitStack) -> None:
        self.directory = directory
        self._resources = resources

    def imds(self, data: Optional[dict[str, Any]] = None) -> emulator.Server:
        """Return a metadata service."""
        server = emulator.Server(data)
        server.start()
        self._resources.callback(server.stop)
        return server

    def aws(self) -> Aws:
        """Return AWS's APIs, with nothing in them."""
        aws = Aws()
        aws.start()
        self._resources.callback(aws.stop)
        return aws

    def agent(self) -> Agent:
        """Return a host without anything."""
        root = self.directory / "root"
        root.mkdir()
        return Agent(root, imds=self.imds().url)


def _done(agent: Agent, *command: str) -> None:
    ended = agent.run(*command)
    assert ended.status == 0, ended.said


def _node(world: World) -> Agent:
    """A node with a token and a pin in place, whose conf says agent: files to add, to change and to remove."""
    agent = world.agent()
    agent.conf(NODE).chmod(0o600)
    agent.write("/var/lib/teleport/token", "old-token\n", 0o600).parent.chmod(0o700)
    agent.write("/var/lib/teleport/ca-pin-hash", "sha256:" + "0" * 64 + "\n")
    _done(agent, "generate", "--wait", "2")
    agent.conf(AGENT).chmod(0o600)
    return agent


def first_boot(world: World) -> Run:
    """Return `generate` on a host on which nothing of this agent ran yet."""
    agent = world.agent()
    agent.conf(GUIDE).chmod(0o600)
    return Run(agent, "generate", "--wait", "20")


def generate(world: World) -> Run:
    """Return `generate` on a host that changes its role."""
    agent = _node(world)
    agent.teleport_yaml.unlink()
    return Run(agent, "generate", "--wait", "20")


def reconfigure(world: World) -> Run:
    """Return `reconfigure` on a host that changes its role."""
    return Run(_node(world), *RECONFIGURE)


def rollback(world: World) -> Run:
    """Return `rollback` to what needs nothing from SSM."""
    agent = _node(world)
    for text in (GUIDE, AGENT):
        agent.conf(text).chmod(0o600)
        _done(agent, *RECONFIGURE)
    return Run(agent, "rollback", "--yes", "--wait", "20")


COMMANDS: dict[str, Callable[[World], Run]] = {
    "generate (first boot)": first_boot,
    "generate (another role)": generate,
    "reconfigure": reconfigure,
    "rollback": rollback,
}
