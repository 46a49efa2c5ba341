"""Row 9: what an adopted override says that is true of one instance only."""

from __future__ import annotations

from typing import Any

import pytest

from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.plan import instance_facts

HERE = facts.Facts(
    "10.0.1.23", "ip-10-0-1-23.ec2.internal", "i-1", "us-east-1", public_ipv4="203.0.113.5", ipv6="2001:db8::5"
)


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("10.0.1.23", True),
        ("10.0.1.23:3025", True),
        ("tcp://10.0.1.23:3025", True),
        ("203.0.113.5:443", True),
        ("[2001:DB8::5]:443", True),
        ("2001:db8::5", True),
        ("ip-10-0-1-23.ec2.internal:3022", True),
        ("ec2-203-0-113-5.compute-1.amazonaws.com:443", True),
        ("10.0.1.231:3025", False),
        ("0.0.0.0:3025", False),
        ("[::]:3025", False),
        ("teleport.example.com:443", False),
        ("ec2-203-0-113-56.compute-1.amazonaws.com:443", False),
    ],
)
def test_row_9_an_address_of_this_instance(value: str, *, is_one: bool) -> None:
    for patch in ({"proxy_service": {"public_addr": [value]}}, {"auth_service": {"listen_addr": value}}):
        left, found = instance_facts.split(patch, instance_facts.hosts_of(HERE))
        assert [each.value for each in found] == ([value] if is_one else [])
        assert left == ({} if is_one else patch)


@pytest.mark.parametrize("value", ["any", "10.9.9.9"])
def test_row_9_name_and_advertised_address_whatever_they_are(value: str) -> None:
    patch: dict[str, Any] = {"teleport": {"nodename": value, "advertise_ip": value, "log": {"severity": "DEBUG"}}}
    left, found = instance_facts.split(patch, ())
    assert [str(each) for each in found] == [f"teleport.nodename ({value})", f"teleport.advertise_ip ({value})"]
    assert left == {"teleport": {"log": {"severity": "DEBUG"}}}


def test_row_9_a_deletion_and_other_entries_stay() -> None:
    patch = {
        "teleport": {"nodename": None, "cache": {}},
        "proxy_service": {"public_addr": ["10.0.1.23:443", "t.example.com:443"], "web_listen_addr": None},
        "ssh_service": {"labels": {"address": "10.0.1.23"}},
    }
    left, found = instance_facts.split(patch, instance_facts.hosts_of(HERE))
    assert [str(each) for each in found] == ["proxy_service.public_addr (10.0.1.23:443)"]
    assert left == {
        **patch,
        "proxy_service": {"public_addr": ["t.example.com:443"], "web_listen_addr": None},
    }
