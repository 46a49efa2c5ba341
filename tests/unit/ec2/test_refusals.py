"""What is made of a metadata service to which this host refuses connections, whatever the libraries wrap it in."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import refusals
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.host import clock, time_limit

IPV4, IPV6 = "http://169.254.169.254", "http://[fd00:ec2::254]"

# What waiting does not mend, and what may pass while the network comes up.
LASTING = ("EACCES", "EPERM", "EINVAL")
PASSING = ("ENETUNREACH", "EHOSTUNREACH", "EAFNOSUPPORT", "EADDRNOTAVAIL")


class Network:
    """Connections that fail as `errors` says by address, and a clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.errors: Callable[[str], str] = lambda _: ""
        self.tried: list[str] = []
        self.clock = clock.Clock(monotonic=lambda: self.now, sleep=self._sleep, chance=lambda: 0.5)
        monkeypatch.setattr(time_limit, "connect", self._connect)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _connect(self, host: str, *_: object, **__: object) -> object:
        self.tried.append(host)
        number = getattr(errno, self.errors(host))
        raise OSError(number, os.strerror(number))

    def ask(self, url: str = IPV4, other: str | None = None) -> errors.MetadataUnreachable:
        with pytest.raises(errors.MetadataUnreachable) as caught:
            Imds(url, other_url=other, clock=self.clock).get("local-ipv4")
        return caught.value

    @property
    def waited(self) -> float:
        return self.now - 100.0


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


@pytest.mark.parametrize("name", LASTING)
def test_issue_17_row_8_what_waiting_does_not_mend_ends_at_once(network: Network, name: str) -> None:
    network.errors = lambda _: name
    error = network.ask()
    assert network.waited == 0 and network.tried == ["169.254.169.254"]
    assert f"({name})" in error.message and "local-ipv4" in error.message and IPV4 in error.message
    assert error.hint and "{" not in error.hint
    assert error.exit_status == errors.METADATA


@pytest.mark.parametrize("name", PASSING)
def test_issue_17_row_8_what_may_pass_is_waited_for_some_seconds(network: Network, name: str) -> None:
    network.errors = lambda _: name
    error = network.ask()
    assert 5 <= network.waited < 8
    assert f"({name})" in error.message and error.hint


def test_issue_17_row_8_a_network_that_comes_up_is_asked_again(network: Network) -> None:
    network.errors = lambda _: "ENETUNREACH" if network.waited < 3 else "ECONNREFUSED"
    error = network.ask()
    assert network.waited > 50 and "connection refused" in error.message


def test_issue_17_row_8_each_remedy_is_its_own(network: Network) -> None:
    hints = set()
    for name in (*LASTING, *PASSING):
        network.errors = lambda _, name=name: name  # type: ignore[misc]
        hints.add(network.ask().hint)
    assert len(hints) == len(LASTING) + len(PASSING)
    network.errors = lambda _: "EACCES"
    assert "systemd.imds.network=unlocked" in network.ask().hint
    assert "`ip route get fd00:ec2::254`" in network.ask(IPV6).hint


@pytest.mark.parametrize(
    ("first", "second", "named", "host", "at_once"),
    [
        # An instance without IPv6, as most are.
        ("EACCES", "ENETUNREACH", "EACCES", "169.254.169.254", True),
        ("ENETUNREACH", "EACCES", "EACCES", "fd00:ec2::254", True),
        ("ENETUNREACH", "EAFNOSUPPORT", "ENETUNREACH", "169.254.169.254", False),
    ],
)
def test_issue_17_row_8_with_two_addresses_both_have_to_be_refused(
    network: Network, first: str, second: str, named: str, host: str, at_once: bool
) -> None:
    network.errors = lambda asked: first if asked == "169.254.169.254" else second
    error = network.ask(IPV4, IPV6)
    assert (network.waited < 1) is at_once and network.waited < 8
    assert {"169.254.169.254", "fd00:ec2::254"} == set(network.tried)
    assert f"({named})" in error.message and IPV4 in error.message and IPV6 in error.message
    if "ip route" in error.hint:
        assert host in error.hint


def test_issue_17_row_8_one_address_that_is_only_silent_is_waited_for(network: Network) -> None:
    network.errors = lambda asked: "EACCES" if asked == "169.254.169.254" else "ECONNREFUSED"
    network.ask(IPV4, IPV6)
    assert network.waited > 50


def test_issue_17_row_8_other_failures_are_none_of_this_host() -> None:
    assert refusals.find(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert refusals.find(ValueError("x")) is None
    looped = ValueError("a")
    looped.__context__ = ValueError(looped)
    assert refusals.find(looped) is None
