"""A network of one test, in which machines reach each other and simulated AWS APIs, and nothing else."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PORT = 5000
_AWS_ADDRESS = "10.77.0.1"

_numbers = itertools.count(1)

# Calls an API as described in JSON on standard input, and prints the answer as JSON.
_ASK = """
import json, sys
import botocore.session
service, operation, endpoint, given = json.load(sys.stdin)
client = botocore.session.Session().create_client(
    service, region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b"
)
print(json.dumps(getattr(client, operation)(**given), default=str))
"""


@dataclass(frozen=True)
class Network:
    """A switch with AWS's APIs on it, simulated by moto's server, and up to nine sockets for machines."""

    name: str

    @property
    def aws_url(self) -> str:
        """The URL of AWS for the machines."""
        return f"http://{_AWS_ADDRESS}:{PORT}"

    def address(self, number: int) -> str:
        """The address of the machine in socket `number`."""
        return f"10.77.0.{10 + number}"

    def options(self, number: int) -> tuple[str, ...]:
        """The options of systemd-nspawn to boot a machine in socket `number`, counted from 1.

        The capability lets the machine give itself the address of the metadata service.
        """
        place = f"{self.name}-{number}"
        _ip("netns", "add", place)
        _ip("-n", self.name, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", place)
        _ip("-n", self.name, "link", "set", f"port{number}", "master", "switch", "up")
        _ip("-n", place, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", place, "link", "set", device, "up")
        return f"--network-namespace-path=/run/netns/{place}", "--capability=CAP_NET_ADMIN"

    def ask(self, service: str, operation: str, **given: Any) -> dict[str, Any]:
        """Call an AWS API by its botocore name."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, sys.executable, "-c", _ASK],
            input=json.dumps([service, operation, self.aws_url, given]),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{service} {operation}: {done.stderr}"
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def make_locks_table(self, name: str) -> None:
        """Make the table that auth servers lock."""
        self.ask(
            "dynamodb",
            "create_table",
            TableName=name,
            KeySchema=[{"AttributeName": "Lock", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "Lock", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )


@contextmanager
def new() -> Iterator[Network]:
    """A network while the body runs. Machines in it have to be off before it ends."""
    network = Network(f"tb{os.getpid()}-{next(_numbers)}")
    _ip("netns", "add", network.name)
    server = None
    try:
        _ip("-n", network.name, "link", "add", "switch", "type", "bridge")
        _ip("-n", network.name, "address", "add", f"{_AWS_ADDRESS}/24", "dev", "switch")
        for device in ("lo", "switch"):
            _ip("-n", network.name, "link", "set", device, "up")
        command = [sys.executable, "-m", "moto.server", "-H", _AWS_ADDRESS, "-p", str(PORT)]
        server = subprocess.Popen(
            ["ip", "netns", "exec", network.name, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait_for(network)
        yield network
    finally:
        if server is not None:
            server.kill()
            server.wait(10)
        for place in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split():
            if place == network.name or place.startswith(f"{network.name}-"):
                _ip("netns", "delete", place)


def _wait_for(network: Network) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            network.ask("sts", "get_caller_identity")
            return
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
