"""The kernel of the machine that runs the tests: its sockets, and rules of nftables in a network of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest

from teleport_bootstrap import paths
from teleport_bootstrap.doctor.local import firewall_rules, nftables, sockets

# Ranges, a named set, a jump, addresses: all that the firewalls of distributions use.
RULES = """\
table inet filter {
    set web {
        type inet_service
        flags interval
        elements = { 3080, 3022-3023 }
    }
    chain extra {
        tcp dport 3024 drop
    }
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iif lo accept
        ct state invalid drop
        meta l4proto icmp accept
        ip protocol icmp accept
        udp dport 53 accept
        ip saddr 10.0.0.0/8 tcp dport 3025 accept
        jump extra
        tcp dport @web counter accept
        tcp dport { 443, 8000-8010 } reject
    }
}
"""
FATES = {443: "drop", 3022: "accept", 3023: "accept", 3024: "drop", 3025: "unknown", 3026: "drop", 3080: "accept"}

needs_nft = pytest.mark.skipif(
    os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("unshare")), reason="needs root, nft and unshare"
)


@needs_nft
def test_the_remedy_opens_a_port_in_a_real_ruleset() -> None:
    before = _ruleset("true")
    assert {port: before.fate(port) for port in FATES} == FATES
    opening = before.opening.replace(firewall_rules.PORTS, "3024, 3026")
    after = _ruleset(opening)
    assert {port: after.fate(port) for port in FATES} == {**FATES, 3024: "accept", 3026: "accept"}


def _ruleset(command: str) -> firewall_rules.Entry:
    """Load the rules where nothing else is, run `command`, and return what nft prints then."""
    script = ["unshare", "--net", "sh", "-c", f"nft -f - && {command} && nft --json list ruleset"]
    done = subprocess.run(script, input=RULES.encode(), capture_output=True, check=True)
    (found,) = nftables.entries(done.stdout.decode())
    return found


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_real_socket_is_found_with_its_process(family: int, host: str) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        listener.listen()
        port, root = listener.getsockname()[1], paths.Root()
        (found,) = [each for each in sockets.listening(root) if each.port == port]
        assert found.host == host and found.covers("0.0.0.0", port) and not found.covers("192.0.2.1", port)
        holders = sockets.holders(root, [found.inode])[found.inode]
        assert os.getpid() in [each.number for each in holders]
