"""What rules of nftables and iptables do with a new connection to a port, as their own programs print them."""

from __future__ import annotations

import json

import pytest

from teleport_bootstrap.doctor.local import firewall_rules, iptables, nftables

# What nft 1.0.6 prints of the rules in tests/simulated/doctor/test_real_kernel.py.
PRINTED = json.loads(
    """[
{"table": {"family": "inet", "name": "filter", "handle": 1}},
{"set": {"family": "inet", "name": "web", "table": "filter", "type": "inet_service", "handle": 3, "flags": ["interval"],
 "elem": [{"range": [3022, 3023]}, 3080]}},
{"chain": {"family": "inet", "table": "filter", "name": "extra", "handle": 1}},
{"chain": {"family": "inet", "table": "filter", "name": "input", "handle": 2, "type": "filter", "hook": "input",
 "prio": 0, "policy": "drop"}},
{"rule": {"family": "inet", "table": "filter", "chain": "extra", "handle": 4, "expr": [
 {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 3024}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 5, "expr": [
 {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 6, "expr": [
 {"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 7, "expr": [
 {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "invalid"}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 8, "expr": [
 {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "icmp"}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 9, "expr": [
 {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "protocol"}}, "right": "icmp"}},
 {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 10, "expr": [
 {"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 53}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 11, "expr": [
 {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}},
  "right": {"prefix": {"addr": "10.0.0.0", "len": 8}}}},
 {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 3025}},
 {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 12, "expr": [
 {"jump": {"target": "extra"}}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 13, "expr": [
 {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": "@web"}},
 {"counter": {"packets": 0, "bytes": 0}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 15, "expr": [
 {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}},
  "right": {"set": [443, {"range": [8000, 8010]}]}}}, {"reject": {"type": "icmpx", "expr": "port-unreachable"}}]}}
]"""
)
FATES = {443: "drop", 3022: "accept", 3023: "accept", 3024: "drop", 3025: "unknown", 3026: "drop", 3080: "accept"}


def _entry(printed: list[object]) -> firewall_rules.Entry:
    (found,) = nftables.entries(json.dumps({"nftables": printed}))
    return found


def test_rules_of_nftables_decide_as_the_kernel_would() -> None:
    entry = _entry(PRINTED)
    assert {port: entry.fate(port) for port in FATES} == FATES


def _chain(name: str, **more: object) -> dict[str, object]:
    return {"chain": {"family": "inet", "table": "t", "name": name, **more}}


def _rule(chain: str, *expressions: object) -> dict[str, object]:
    return {"rule": {"family": "inet", "table": "t", "chain": chain, "expr": list(expressions)}}


INPUT = _chain("in", type="filter", hook="input", policy="accept")
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], "accept"),
        ([_rule("in", {"match": {"op": "!=", "left": DPORT, "right": {"set": [22, 443]}}}, {"drop": None})], "drop"),
        ([_rule("in", {"match": {"op": "!=", "left": DPORT, "right": {"set": [22, 3025]}}}, {"drop": None})], "accept"),
        # It depends on the sender, and so does what comes of it.
        ([_rule("in", {"limit": {"rate": 4}}, {"accept": None}), _rule("in", {"drop": None})], "unknown"),
        ([_rule("in", {"limit": {"rate": 4}}, {"drop": None})], "accept"),
        ([_rule("in", {"vmap": {"key": DPORT, "data": {"set": []}}}), _rule("in", {"drop": None})], "unknown"),
        ([_rule("in", {"xt": None}, {"accept": None}), _rule("in", {"drop": None})], "unknown"),
        ([_chain("x"), _rule("x", {"return": None}), _rule("in", {"jump": {"target": "x"}})], "accept"),
        ([_chain("x"), _rule("in", {"goto": {"target": "x"}}), _rule("in", {"drop": None})], "accept"),
        # One that calls itself.
        ([_chain("x"), _rule("x", {"jump": {"target": "x"}}), _rule("in", {"jump": {"target": "x"}})], "unknown"),
    ],
)
def test_only_what_is_certain_for_everyone_counts(rules: list[dict[str, object]], expected: str) -> None:
    assert _entry([INPUT, *sorted(rules, key=lambda each: "rule" in each)]).fate(3025) == expected


def test_what_is_not_about_arriving_connections_is_left_out() -> None:
    listed = [_chain("out", type="filter", hook="output", policy="drop"), _chain("nat", type="nat", hook="input")]
    assert nftables.entries(json.dumps({"nftables": listed})) == ()


SAVED = """\
# Generated by iptables-save v1.8.9
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 3080
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:extra - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -p udp -m udp --dport 3026 -j ACCEPT
-A INPUT -j LOG --log-prefix "seen: "
-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 3025 -j ACCEPT
-A INPUT -p tcp -j extra
-A INPUT -p tcp -m multiport --dports 3022:3023,3080 -m comment --comment "teleport: web" -j ACCEPT
-A INPUT -p tcp -m tcp --dport 443 -j REJECT --reject-with icmp-port-unreachable
-A extra -p tcp -m tcp --dport 3024 -j DROP
COMMIT
"""


def test_rules_of_iptables_decide_as_the_kernel_would() -> None:
    (entry,) = iptables.entries(SAVED)
    assert {port: entry.fate(port) for port in FATES} == FATES
    opening = entry.opening.replace(firewall_rules.PORTS, "3024,3026").partition(" -I INPUT ")[2]
    (after,) = iptables.entries(SAVED.replace("-A INPUT -i lo", f"-A INPUT {opening}\n-A INPUT -i lo"))
    assert {port: after.fate(port) for port in FATES} == {**FATES, 3024: "accept", 3026: "accept"}


def test_without_rules_of_iptables_there_is_no_entry() -> None:
    assert iptables.entries("") == ()
