"""Connections over TCP from this host, each tried once, and why one could not be made."""

from __future__ import annotations

import socket

from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.network import resolution
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.host import time_limit
from teleport_bootstrap.plan import network_address
from teleport_bootstrap.records import dataclass

SECONDS = 4.0

REFUSED, SILENT, UNREACHABLE = "refused", "silent", "unreachable"

# Where the guide says which ports to open, and which balancers to create.
GUIDE = "docs/guide.md#set-up-one-instance"


@dataclass(frozen=True)
class Attempt:
    """How it went to connect: `trouble` is one of the words above, empty for a connection."""

    host: str
    port: int
    trouble: str = ""

    @property
    def where(self) -> str:
        """The place, for messages."""
        return network_address.joined(self.host, self.port)

    @property
    def message(self) -> str:
        """What is wrong, as a sentence."""
        return {
            REFUSED: f"{self.where} refuses connections: nothing listens there, or the balancer has no listener or no "
            "target for this port",
            SILENT: f"{self.where} does not answer: a security group, a network ACL or a missing route drops it",
            UNREACHABLE: f"{self.where} cannot be reached: this host has no route to it",
        }[self.trouble]

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return {
            REFUSED: f"create the listener and the target group for TCP {self.port}: {GUIDE}",
            SILENT: f"allow TCP {self.port} from this host in the security groups of the balancer and of its targets: "
            "`aws ec2 authorize-security-group-ingress --protocol tcp "
            f"--port {self.port} --group-id GROUP --source-group GROUP-OF-THIS-HOST`; {GUIDE}",
            UNREACHABLE: f"see `ip route get {self.host}`, and the route table of the subnet",
        }[self.trouble]


def attempt(subject: Subject, host: str, port: int) -> Attempt:
    """Return how it goes to connect to `host`; raises Skipped where it does not resolve."""
    if not resolution.addresses(subject, host):
        raise Skipped(f"{host} does not resolve")
    return subject.once(("connection", host, port), lambda: _try(host, port))


def _try(host: str, port: int) -> Attempt:
    try:
        with time_limit.Limit(SECONDS), time_limit.connect(host, port, seconds=SECONDS / 2):
            return Attempt(host, port)
    except ConnectionRefusedError:
        return Attempt(host, port, REFUSED)
    except (socket.timeout, TimeoutError):
        return Attempt(host, port, SILENT)
    except OSError:
        return Attempt(host, port, UNREACHABLE)
