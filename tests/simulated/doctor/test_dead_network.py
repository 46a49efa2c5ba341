"""In a dead network the whole of `doctor` ends within 15 seconds, having said what it could not know."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.doctor import table
from tests.simulated.agent import Ended
from tests.simulated.doctor import network_account as account
from tests.simulated.doctor import web_server
from tests.simulated.doctor.names import needs_names
from tests.simulated.doctor.network_account import NLB, Site
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

pytestmark = needs_names

SECONDS = 15.0

# A network with nothing in it: packets to every address but this machine's own are lost without an answer.
_NET = (
    "ip link set lo up && ip tuntap add mode tun dead && ip link set dead up && "
    'ip address add 192.0.2.1/24 dev dead && ip route add default dev dead && exec "$@"'
)
_INSIDE = ("unshare", "--net", "--", "sh", "-ec", _NET, "sh")


def can_unshare() -> bool:
    """Whether this machine lets a test make a network without anything in it."""
    return not subprocess.run([*_INSIDE, "true"], check=False, capture_output=True).returncode


@pytest.fixture(params=[account.ALL, account.NODE, account.AGENT], ids=["all", "node", "agent"])
def site(request: pytest.FixtureRequest, tmp_path: Path, imds: emulator.Server, aws: Aws) -> Iterator[Site]:
    with account.site(tmp_path, imds, aws, request.param) as made:
        yield made


def _in_time(site: Site, prefix: tuple[str, ...] = ()) -> Ended:
    began = time.monotonic()
    done = site.agent.run("doctor", prefix=prefix)
    assert time.monotonic() - began < SECONDS, done.output
    assert done.status in (errors.CHECK_FAILED, errors.CHECK_WARNED), done.said
    assert "internal error" not in done.said
    # What could not be known is said of each.
    for each in table.CHECKS:
        assert f"  {each.name} " in done.output
    return done


def _lines(done: Ended, result: str) -> list[str]:
    return [line.split()[1] for line in done.output.splitlines() if line.startswith(f"  {result} ")]


def test_issue_18_a_network_that_loses_every_packet(site: Site) -> None:
    if not can_unshare():
        pytest.skip("a network of its own is not permitted here")
    site.agent.server = "203.0.113.53"
    site.agent.hosts.clear()
    site.agent.imds, site.agent.aws = "http://169.254.169.254", "https://203.0.113.99"
    done = _in_time(site, _INSIDE)
    assert {"metadata", "resolver"} <= set(_lines(done, "fail"))
    unknown = set(_lines(done, "skipped"))
    assert {"role", "web-connection", "web-answer", "target-health"} <= unknown, done.output


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A name server on loopback that takes what it is asked, and never answers."""
    address = web_server.new_address()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, 53))
        yield address


def test_issue_18_names_and_services_that_never_answer(site: Site, silent_server: str) -> None:
    """The connections are made, and nothing comes: as where a firewall swallows what follows."""
    site.agent.server = silent_server
    site.web.is_silent = True
    site.agent.hosts.pop(NLB)
    with socket.create_server((web_server.new_address(), 8080), backlog=64) as silent:
        url = "http://{}:{}".format(*silent.getsockname())
        site.agent.imds = site.agent.aws = url
        done = _in_time(site)
    # The domain, the only name of an agent, is in the host's own file.
    names = {"resolver"} if NLB in site.agent.path("/etc/teleport.d/conf").read_text() else set()
    assert {"metadata", *names} <= set(_lines(done, "fail"))
    assert "role" in _lines(done, "skipped")
